// SPDX-License-Identifier: MIT
#include "fuse/lazy_thread.h"

#include <system_error>
#include <utility>

namespace aufs::fuse {

LazyThread::LazyThread(Work work) : work_(std::move(work)) {}

LazyThread::~LazyThread() {
  stop();
  if (thread_.joinable()) thread_.join();
}

void LazyThread::ask() {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  asked_ = true;
  if (thread_.joinable()) {
    wake_.notify_one();
    return;
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {  // then not
  }
}

void LazyThread::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

bool LazyThread::is_stopping() const {
  const std::lock_guard lock(mutex_);
  return stopping_;
}

bool LazyThread::is_idle() const {
  const std::lock_guard lock(mutex_);
  return !working_;
}

void LazyThread::wait_until_idle() {
  std::unique_lock lock(mutex_);
  done_.wait(lock, [this] { return !working_; });
}

void LazyThread::run() noexcept {
  usual_.take();
  std::optional<Clock::duration> pause;
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto is_due = [this] { return stopping_ || asked_; };
    if (pause) wake_.wait_for(lock, *pause, is_due);
    else wake_.wait(lock, is_due);
    if (stopping_) return;
    asked_ = false;
    working_ = true;
    lock.unlock();
    pause = work_();
    lock.lock();
    working_ = false;
    done_.notify_all();
  }
}

}  // namespace aufs::fuse
