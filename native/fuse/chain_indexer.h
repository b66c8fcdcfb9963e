// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "union/union_fs.h"

namespace aufs::fuse {

// Makes the index of the read-only branches of a mount while it is served, for the mounts that come after it. Begins a moment after the
// mount, so that one which ends soon has no work with it, and gives way to everybody else on the processor. A mount that ends
// earlier leaves no index; nor does an error: then the next mount tries again.
class ChainIndexer {
 public:
  ~ChainIndexer() { stop(); }

  // Once at most. `fs` is only used before this returns.
  void start(const UnionFs& fs, const std::string& path);
  // Waits until the work has ended, unfinished if need be.
  void stop();

 private:
  void work(const std::vector<BranchSpec>& chain, const std::string& path);

  std::mutex mutex_;
  std::condition_variable woken_;
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace aufs::fuse
