// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <vector>

#include "union/branch.h"

namespace aufs {

// What is free in each branch, measured now and then: a create policy must not cost a statfs(2) of every branch each time.
// Thread-safe; the mutex is held over the measurement, and nothing else is locked under it.
class FreeSpace {
 public:
  // Bytes that an ordinary user may still write in each branch, no older than `expire`; 0 in read-only ones.
  std::vector<std::uint64_t> of(const std::vector<Branch>& branches, std::chrono::seconds expire);
  // The branches are others now.
  void forget();

 private:
  std::mutex mutex_;
  std::vector<std::uint64_t> bytes_;  // guarded by mutex_, as what follows; empty: not measured
  std::chrono::steady_clock::time_point measured_;
};

}  // namespace aufs
