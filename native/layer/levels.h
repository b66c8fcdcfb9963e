// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include "base/result.h"

namespace aufs::layer {

// Trees are walked by recursion. Deeper ones than a stack holds can be made, one mkdir(2) at a time, by whoever writes into a mount.
class Levels {
 public:
  // Errors: ENAMETOOLONG if the tree is deeper than any program handles.
  Status enter() {
    if (depth_ == kMost) return Error{ENAMETOOLONG, "depth"};
    ++depth_;
    return ok();
  }
  void leave() noexcept { --depth_; }

 private:
  static constexpr unsigned kMost = 4096;
  unsigned depth_ = 0;
};

}  // namespace aufs::layer
