// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "sys/file_io.h"
#include "sys/scheduling.h"

namespace aufs::fuse {

// Keeps the threads that serve a lone busy caller on its processor, where they run only as long as it waits.
//
// A caller that waits for each of its requests is fastest if nobody has to be woken on another processor. The scheduler wakes a thread
// where nobody runs, though: the server away from its caller, and the caller away from the server. It counts a processor where only
// threads of SCHED_IDLE run as one where nobody does; so server threads that are such, on the processor of their caller, stay with it, and it with them.
//
// Such a thread gets next to nothing where others want the processor. So it is one only from one tick to the next, and only as long as it gets
// its work done; who looks at that is a thread of its own, which changes all of this, and sleeps while nobody is busy. Serving threads just count.
class CallerFollower {
 public:
  static constexpr std::chrono::milliseconds kTick{4};

  // What one serving thread did in a tick, or all that share /dev/fuse.
  struct Work {
    unsigned requests = 0;
    bool one_caller = true;
    bool for_disk = false;  // one of them waited for the disk
  };
  // Whether so much is worth it: that a thread `stays` where its callers are anyway, it need not be for one of them only. Who waits for the disk is not:
  // the processor halts meanwhile, and what the disk wakes is better off on the one that serves the disk.
  static bool is_busy(const Work& work, bool stays) noexcept;

  // Who serves. Told of each request by that thread itself; everything else is the follower's.
  class Seat {
   public:
    // `processor`: where it stays anyway.
    Seat(CallerFollower& follower, std::optional<unsigned> processor) noexcept;
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat();

    // `caller`: the thread that waits for the reply; 0 if none does.
    void asked(std::uint32_t caller) noexcept {
      if (const unsigned waits = sys::disk_waits(); waits != disk_waits_) {
        disk_waits_ = waits;
        waited_.store(true, std::memory_order_relaxed);
      }
      if (caller == 0) return;
      const bool same = caller == caller_.load(std::memory_order_relaxed);
      if (!same) caller_.store(caller, std::memory_order_relaxed);
      in_a_row_.store(same ? in_a_row_.load(std::memory_order_relaxed) + 1 : 1, std::memory_order_relaxed);
      const std::uint32_t count = count_.load(std::memory_order_relaxed) + 1;
      count_.store(count, std::memory_order_relaxed);
      if (count % kNotable == 0 && !follower_.awake_.load(std::memory_order_relaxed)) follower_.rouse();
    }

   private:
    friend class CallerFollower;
    static constexpr std::uint32_t kNotable = 8;
    CallerFollower& follower_;
    const std::optional<unsigned> stays_;
    const pid_t thread_;
    std::atomic<std::uint32_t> caller_{0};
    std::atomic<std::uint32_t> in_a_row_{0};
    std::atomic<std::uint32_t> count_{0};
    std::atomic<bool> waited_{false};  // for the disk, since the follower looked
    unsigned disk_waits_ = 0;          // the thread's own
    // The follower's, guarded by its mutex.
    Seat* next_ = nullptr;
    std::uint32_t counted_ = 0;
    Work work_;                       // of the last tick
    std::optional<unsigned> beside_;  // the processor that it is on for its caller
    unsigned ticks_ = 0;              // since when
  };

  CallerFollower() = default;
  CallerFollower(const CallerFollower&) = delete;
  CallerFollower& operator=(const CallerFollower&) = delete;
  ~CallerFollower() { stop(); }

  // Begins to look after whoever takes a seat, on a thread as those of seats are put back to: as the calling one.
  void start();
  // Puts all threads back, and ends.
  void stop();

  // Why no thread follows its caller; null if they do.
  const char* why_not() const noexcept { return why_not_.load(); }
  // How often one was put beside its caller.
  std::uint64_t count() const noexcept { return times_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;

  void rouse() noexcept;
  void run() noexcept;
  Work count_work() noexcept;
  bool look() noexcept;
  void look_at(Seat& seat, bool busy) noexcept;
  void put_beside(Seat& seat, unsigned processor) noexcept;
  void put_back(Seat& seat) noexcept;
  static std::optional<unsigned> place_for(const Seat& seat) noexcept;

  std::atomic<const char*> why_not_{"switched off by an option"};
  std::atomic<std::uint64_t> times_{0};
  std::atomic<bool> awake_{true};  // or not there to be woken
  std::mutex mutex_;
  std::condition_variable wake_;
  Seat* seats_ = nullptr;  // guarded by mutex_, as what follows
  bool stopping_ = false;
  sys::Placement usual_{};
  Clock::time_point not_before_;
  std::chrono::milliseconds penalty_{0};
  std::thread thread_;
};

}  // namespace aufs::fuse
