// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include "base/result.h"

namespace aufs::layer {

// Trees are walked by recursion. Deeper ones than a stack holds can be made, one mkdir(2) at a time, by whoever writes into a mount.
class Levels {
 public:
  // Does `walk` one level further down, and gives what it gives. Errors: ENAMETOOLONG if the tree is deeper than any program handles.
  template <typename Walk>
  Status below(Walk&& walk) {
    if (depth_ == kMost) return Error{ENAMETOOLONG, "depth"};
    ++depth_;
    Status walked = walk();
    --depth_;
    return walked;
  }

 private:
  static constexpr unsigned kMost = 4096;
  unsigned depth_ = 0;
};

}  // namespace aufs::layer
