// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include "base/result.h"
#include "layer/sparse_map.h"

namespace aufs::layer {

// True if the file has fewer blocks than its size needs.
bool may_have_holes(const struct stat& st) noexcept;

// Where a file of `size` bytes has data (SEEK_DATA, SEEK_HOLE). Ends with an empty extent at `size` if it ends with a hole, as GNU tar
// writes it. What is too cut up to be told in kMaxExtents extents is told as one.
Result<Extents> find_extents(int fd, std::uint64_t size);

}  // namespace aufs::layer
