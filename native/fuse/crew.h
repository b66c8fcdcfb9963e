// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "base/unique_fd.h"

namespace aufs::fuse {

// How many of the threads that share /dev/fuse ask it for requests: two, as long as that is enough, else all.
//
// The kernel gives requests to those who ask in turn. So a caller that waits for each of its requests has all of them woken one after the other, each
// with a stack and memory of its own that the processor has forgotten.
//
// Two are not enough if one waits for the disk, if both are long at a request, or get no processor, or if others wait while processors are idle. Those who
// do not ask are parked; one of them is the lookout, which a timer wakes if who asks does not put it off in time. Once all were needed they ask for a
// while, longer each time it turns out to have been too short.
//
// Thread-safe. The mutex is a leaf.
class Crew {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr unsigned kFew = 2;
  static constexpr std::chrono::milliseconds kLong{2};  // a request that takes so long keeps others waiting

  // One of the threads, and of that thread only. It asks from when its turn comes until it steps back.
  class Hand {
   public:
    explicit Hand(Crew& crew) noexcept;
    Hand(const Hand&) = delete;
    Hand& operator=(const Hand&) = delete;
    ~Hand();

    // Waits until it is to ask. False: not any more, stop() was called.
    bool take_turn();
    // A request came, and was answered.
    void begun() noexcept;
    void answered() noexcept;
    // True if others are enough from now on.
    bool step_back();

   private:
    friend class Crew;
    Crew& crew_;
    bool asks_ = false;
    Clock::time_point begun_;
    unsigned disk_waits_ = 0;
    long disk_reads_ = 0;
    unsigned crowded_ = 0;  // looks in a row that found others waiting
  };

  // `parks`: otherwise all ask all the time. `processors`: that there are.
  explicit Crew(bool parks, unsigned processors = std::thread::hardware_concurrency()) noexcept;
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // `device`: /dev/fuse, which somebody else keeps open. To be called before there are hands.
  void begin(int device) noexcept;
  // Nobody is parked any more.
  void stop();

  // How many do not ask now.
  unsigned parked() const noexcept { return parked_.load(std::memory_order_relaxed); }

 private:
  bool are_few() const noexcept { return asking_.load(std::memory_order_relaxed) <= kFew; }
  void keep_watch(Hand& hand) noexcept;
  void call_all();
  void call_parked();
  void look_out(std::unique_lock<std::mutex>& lock, unsigned call);
  bool is_stuck() const noexcept;

  const unsigned processors_;
  bool parks_;  // constant after begin()
  int device_ = -1;
  UniqueFd timer_;  // what the lookout waits for
  std::atomic<unsigned> busy_{0};
  std::atomic<Clock::rep> watched_at_{0};  // when the timer was set; 0: it is not
  std::atomic<Clock::rep> all_until_{0};
  std::mutex mutex_;
  std::condition_variable called_;
  // Written with mutex_ held.
  std::atomic<unsigned> asking_{0};
  std::atomic<unsigned> parked_{0};
  std::atomic<unsigned> call_{0};  // how often all were called
  std::chrono::milliseconds while_{0};
  bool has_lookout_ = false;
  bool stopped_ = false;
};

}  // namespace aufs::fuse
