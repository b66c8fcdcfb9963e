// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <vector>

#include "union/union_fs.h"

namespace aufs::fuse {

// Remembers the last copy_ups, and counts all of them. Thread-safe.
class CopyUpLog {
 public:
  static constexpr std::size_t kRemembered = 1000;
  struct Totals {
    std::uint64_t count = 0;
    std::uint64_t bytes = 0;
  };

  void add(const CopyUpEvent& event) {
    const std::lock_guard lock(mutex_);
    ++totals_.count;
    totals_.bytes += event.bytes;
    if (recent_.size() == kRemembered) recent_.pop_front();
    recent_.push_back(event);
  }
  Totals totals() const {
    const std::lock_guard lock(mutex_);
    return totals_;
  }
  std::vector<CopyUpEvent> recent() const {  // oldest first
    const std::lock_guard lock(mutex_);
    return {recent_.begin(), recent_.end()};
  }

 private:
  mutable std::mutex mutex_;
  Totals totals_;                   // guarded by mutex_
  std::deque<CopyUpEvent> recent_;  // guarded by mutex_
};

}  // namespace aufs::fuse
