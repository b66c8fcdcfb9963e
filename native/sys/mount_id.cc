// SPDX-License-Identifier: MIT
#include "sys/mount_id.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cstddef>
#include <cstring>

namespace aufs::sys {
namespace {

// Headers may be older than the kernel: STATX_MNT_ID and STATX_MNT_ID_UNIQUE of linux/stat.h, and where stx_mnt_id is.
constexpr unsigned kId = 0x1000;
constexpr unsigned kUniqueId = 0x4000;
constexpr std::size_t kWhere = 0x90;

// 0 if the kernel has not told what was `asked` for.
std::uint64_t mount_id(const struct statx& told, unsigned asked) noexcept {
  static_assert(sizeof told >= kWhere + sizeof(std::uint64_t));
  if ((told.stx_mask & asked) == 0) return 0;
  std::uint64_t id = 0;
  std::memcpy(&id, reinterpret_cast<const std::byte*>(&told) + kWhere, sizeof id);
  return id;
}

}  // namespace

std::uint64_t unique_mount_id(const char* path) noexcept {
  struct statx told {};
  if (::statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, kUniqueId, &told) < 0) return 0;
  return mount_id(told, kUniqueId);
}

Result<Position> position_of(int dir) noexcept {
  struct statx told {};
  if (::statx(dir, "", AT_EMPTY_PATH, STATX_INO | kId, &told) < 0) return Error::last("statx");
  return Position{makedev(told.stx_dev_major, told.stx_dev_minor), told.stx_ino, mount_id(told, kId)};
}

}  // namespace aufs::sys
