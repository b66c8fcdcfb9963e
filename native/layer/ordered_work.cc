// SPDX-License-Identifier: MIT
#include "layer/ordered_work.h"

#include <iterator>
#include <system_error>
#include <utility>

namespace aufs::layer {
namespace {

// Waking a thread costs as much as filling a few small files.
constexpr std::size_t kJobsAtOnce = 64;
constexpr std::size_t kBytesAtOnce = 256 * 1024;

}  // namespace

OrderedWork::~OrderedWork() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void OrderedWork::add(Job job, std::size_t bytes) {
  told_.push_back(std::move(job));
  told_bytes_ += bytes;
  if (told_.size() >= kJobsAtOnce || told_bytes_ >= kBytesAtOnce) hand_over();
}

void OrderedWork::hand_over() {
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error&) {
      return;
    }
  }
  {
    const std::lock_guard guard(mutex_);
    queue_.insert(queue_.end(), std::move_iterator(told_.begin()), std::move_iterator(told_.end()));
    busy_ = true;
  }
  changed_.notify_all();
  told_.clear();
  told_bytes_ = 0;
}

Status OrderedWork::settle() {
  {
    std::unique_lock guard(mutex_);
    changed_.wait(guard, [this] { return !busy_; });
  }
  // What is left is little, and the thread sleeps.
  run(told_);
  told_.clear();
  told_bytes_ = 0;
  return status_;
}

void OrderedWork::serve() {
  std::vector<Job> jobs;
  std::unique_lock guard(mutex_);
  for (;;) {
    changed_.wait(guard, [this] { return stopping_ || !queue_.empty(); });
    if (stopping_) return;
    jobs.swap(queue_);
    guard.unlock();
    run(jobs);
    jobs.clear();
    guard.lock();
    busy_ = !queue_.empty();
    if (!busy_) changed_.notify_all();
  }
}

void OrderedWork::run(const std::vector<Job>& jobs) {
  for (const Job& job : jobs) {
    if (!status_) return;
    status_ = job();
  }
}

}  // namespace aufs::layer
