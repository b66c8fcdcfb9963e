// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "base/result.h"

namespace aufs {

// A directory that is another one, or lies below it: numbers of them.
struct Overlap {
  std::size_t inner;
  std::size_t outer;
  bool same;
};

// The first two of these directories, given by descriptors, that overlap, whatever names and bind mounts they are reached by. What cannot be seen
// (a directory above is closed to us) does not count. Looks at each directory above them once, however many lie in it (Linux 5.8; before, once for
// each). Errors: those of openat(2) and statx(2).
Result<std::optional<Overlap>> find_overlap(const std::vector<int>& directories);

}  // namespace aufs
