// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <thread>

#include "base/unique_fd.h"
#include "sys/file_io.h"
#include "sys/scheduling.h"

namespace aufs::fuse {

// Keeps the threads that serve a lone busy caller on its processor, where they run only as long as it waits.
//
// A caller that waits for each of its requests is fastest if nobody has to be woken on another processor. The scheduler wakes a thread
// where nobody runs, though: the server away from its caller, and the caller away from the server. It counts a processor where only
// threads of SCHED_IDLE run as one where nobody does; so server threads that are such, on the processor of their caller, stay with it, and it with them.
//
// Such a thread gets next to nothing where others want the processor. So it is one only as long as it gets its work done. Who begins and ends
// that is a thread of its own, which sleeps while nobody is busy, and as long as the serving threads vouch for each other: whoever wakes on either processor
// may make the scheduler move the caller. Should that happen anyway, the serving thread that finds it out takes the others along.
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

  // Who serves. Told of each request by that thread itself; what is not atomic is the follower's.
  class Seat {
   public:
    // `processor`: where it stays anyway.
    Seat(CallerFollower& follower, std::optional<unsigned> processor) noexcept;
    Seat(const Seat&) = delete;
    Seat& operator=(const Seat&) = delete;
    ~Seat();

    // `caller`: the thread that waits for the reply; 0 if none does. Ends with answered().
    void asked(std::uint32_t caller) noexcept {
      begun_.store(begun_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
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
      if (!stays_ && place_.load(std::memory_order_relaxed) != kNowhere) {
        stay_with(caller, count);
      } else if (count % kNotable == 0 && !follower_.awake_.load(std::memory_order_relaxed)) {
        follower_.rouse();
      }
    }
    void answered() noexcept {
      ended_.store(begun_.load(std::memory_order_relaxed), std::memory_order_relaxed);
    }

   private:
    friend class CallerFollower;
    static constexpr std::uint32_t kNotable = 8;
    static constexpr int kNowhere = -1;

    void stay_with(std::uint32_t caller, std::uint32_t count) noexcept;

    CallerFollower& follower_;
    const std::optional<unsigned> stays_;
    const pid_t thread_;
    std::atomic<std::uint32_t> caller_{0};
    std::atomic<std::uint32_t> in_a_row_{0};
    std::atomic<std::uint32_t> count_{0};
    std::atomic<std::uint32_t> begun_{0};  // requests, also those that nobody waits for
    std::atomic<std::uint32_t> ended_{0};  // `begun_` as it was when the last was answered
    std::atomic<bool> waited_{false};      // for the disk, since the follower looked
    // The processor that it is on for its caller.
    std::atomic<int> place_{kNowhere};
    // The thread's own.
    unsigned disk_waits_ = 0;
    UniqueFd watch_;
    std::uint32_t watched_ = 0;  // the caller that `watch_` is of
    // The follower's, guarded by its mutex.
    Seat* next_ = nullptr;
    std::uint32_t counted_ = 0;
    std::uint32_t seen_ = 0;  // `begun_` as it was
    Work work_;               // of the last tick
    bool is_long_ = false;    // it was at one request for all of that
    unsigned ticks_ = 0;      // since it is where it is
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
  // How often the follower itself looked.
  std::uint64_t looks() const noexcept { return looks_.load(std::memory_order_relaxed); }

 private:
  using Clock = std::chrono::steady_clock;
  // Of all that share /dev/fuse.
  struct Shared {
    Work work;
    std::uint32_t caller = 0;  // of one of them
  };

  // For serving threads.
  void rouse() noexcept;
  void disturb() noexcept;
  void vouch() noexcept;
  void take_along(Seat& own, unsigned processor) noexcept;

  void run() noexcept;
  bool follow(std::unique_lock<std::mutex>& lock) noexcept;
  void wait(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds most) noexcept;
  static void count_work(Seat& seat) noexcept;
  Shared count_work() noexcept;
  bool look() noexcept;
  void look_at(Seat& seat, bool busy, std::optional<unsigned> place) noexcept;
  void put_beside(Seat& seat, unsigned processor) noexcept;
  void give_up(Seat& seat) noexcept;
  void put_back(Seat& seat) noexcept;
  void put_all_back(bool also_who_stays) noexcept;

  std::atomic<const char*> why_not_{"switched off by an option"};
  std::atomic<std::uint64_t> times_{0};
  std::atomic<std::uint64_t> looks_{0};
  std::atomic<bool> awake_{true};  // or not there to be woken
  std::atomic<bool> stopping_{false};
  std::atomic<bool> trusting_{false};       // the follower waits until nobody vouches
  std::atomic<bool> disturbed_{false};      // what the serving threads are beside their caller for is no more
  std::atomic<std::uint32_t> followed_{0};  // the caller that they are beside
  std::atomic<Clock::rep> trusting_from_{0};
  std::atomic<Clock::rep> vouched_at_{0};
  UniqueFd timer_;          // what the follower waits for
  sys::Placement usual_{};  // both constant once it is there
  std::mutex mutex_;
  Seat* seats_ = nullptr;  // guarded by mutex_, as what follows
  Clock::time_point not_before_;
  std::chrono::milliseconds penalty_{0};
  std::thread thread_;
};

}  // namespace aufs::fuse
