// SPDX-License-Identifier: MIT
#include "layer/file_extents.h"

#include <unistd.h>

#include <algorithm>

#include "sys/file_io.h"

namespace aufs::layer {

bool may_have_holes(const struct stat& st) noexcept {
  constexpr off_t kStatBlock = 512;  // st_blocks counts these, whatever the file system's blocks are
  return st.st_blocks < (st.st_size + kStatBlock - 1) / kStatBlock;
}

Result<Extents> find_extents(int fd, std::uint64_t size) {
  Extents extents;
  std::uint64_t at = 0;
  while (at < size) {
    const Result<off_t> data = sys::seek(fd, static_cast<off_t>(at), SEEK_DATA);
    if (failed_with(data, ENXIO)) break;  // only a hole is left
    if (!data) return data.error();
    AUFS_TRY(const off_t hole, sys::seek(fd, *data, SEEK_HOLE));
    const auto begin = std::min(static_cast<std::uint64_t>(*data), size);
    const auto end = std::min(static_cast<std::uint64_t>(hole), size);
    if (extents.size() == kMaxExtents - 1) return Extents{{0, size}};
    extents.push_back({begin, end - begin});
    at = end;
  }
  if (extents.empty() || extents.back().offset + extents.back().length < size) extents.push_back({size, 0});
  return extents;
}

}  // namespace aufs::layer
