// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "sys/scheduling.h"

namespace aufs::fuse {

// A thread that does one kind of work whenever it is asked to, started when it first is. Whoever asks while it works has it work once more.
//
// Thread-safe. The mutex is a leaf: the work is done without it.
class LazyThread {
 public:
  using Clock = std::chrono::steady_clock;
  // Returns after how long to work again unasked, empty: not before somebody asks. Must not throw.
  using Work = std::function<std::optional<Clock::duration>()>;

  explicit LazyThread(Work work);
  LazyThread(const LazyThread&) = delete;
  LazyThread& operator=(const LazyThread&) = delete;
  // Waits for the work. Whatever that uses has to outlive this.
  ~LazyThread();

  // Nothing happens where no thread can be started.
  void ask();
  // No work is begun any more.
  void stop();
  // Whether stop() was called, for work that takes long.
  bool is_stopping() const;
  // False while it works.
  bool is_idle() const;
  void wait_until_idle();

 private:
  void run() noexcept;

  const Work work_;
  const sys::UsualPlacement usual_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  bool asked_ = false;  // guarded by mutex_, as what follows
  bool working_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace aufs::fuse
