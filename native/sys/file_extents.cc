// SPDX-License-Identifier: MIT
#include "sys/file_extents.h"

#include <linux/fiemap.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "sys/call.h"

namespace aufs::sys {
namespace {

constexpr std::size_t kAtOnce = 64;

// struct fiemap with room for its extents, which follow it.
struct alignas(struct fiemap) Buffer {
  std::array<std::byte, sizeof(struct fiemap) + kAtOnce * sizeof(struct fiemap_extent)> bytes{};
};

}  // namespace

Result<std::uint64_t> shared_bytes(int fd) {
  std::uint64_t shared = 0;
  Buffer buffer;
  struct fiemap head {};
  for (std::uint64_t start = 0;;) {
    head = {};
    head.fm_start = start;
    head.fm_length = FIEMAP_MAX_OFFSET - start;
    head.fm_extent_count = kAtOnce;
    std::memcpy(buffer.bytes.data(), &head, sizeof head);
    if (::ioctl(fd, FS_IOC_FIEMAP, buffer.bytes.data()) < 0) {
      const Error error = Error::last("ioctl");
      return error.code == ENOTTY ? Error{EOPNOTSUPP, "ioctl"} : error;
    }
    std::memcpy(&head, buffer.bytes.data(), sizeof head);
    struct fiemap_extent extent {};
    for (std::size_t i = 0; i < head.fm_mapped_extents; ++i) {
      std::memcpy(&extent, buffer.bytes.data() + sizeof head + i * sizeof extent, sizeof extent);
      if ((extent.fe_flags & FIEMAP_EXTENT_SHARED) != 0) shared += extent.fe_length;
    }
    if (head.fm_mapped_extents == 0 || (extent.fe_flags & FIEMAP_EXTENT_LAST) != 0) return shared;
    start = extent.fe_logical + extent.fe_length;
  }
}

}  // namespace aufs::sys
