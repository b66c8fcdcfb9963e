// SPDX-License-Identifier: MIT
#include "sys/fuse_mount.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cstddef>
#include <cstring>

#include "sys/call.h"

namespace aufs::sys {

Status mount_file_system(const char* source, const char* target, const char* type, unsigned long flags,
                         const char* data) noexcept {
  return check(::mount(source, target, type, flags, data), "mount");
}

Status unmount_file_system(const char* target, Unmount how) noexcept {
  const int flags = UMOUNT_NOFOLLOW | (how == Unmount::kLazy ? MNT_DETACH : 0);
  return check(::umount2(target, flags), "umount2");
}

std::uint64_t unique_mount_id(const char* path) noexcept {
  // Headers may be older than the kernel: STATX_MNT_ID_UNIQUE of linux/stat.h, and where stx_mnt_id is.
  constexpr unsigned kUniqueId = 0x4000;
  constexpr std::size_t kWhere = 0x90;
  struct statx told {};
  static_assert(sizeof told >= kWhere + sizeof(std::uint64_t));
  if (::statx(AT_FDCWD, path, AT_STATX_DONT_SYNC | AT_NO_AUTOMOUNT, kUniqueId, &told) < 0) return 0;
  if ((told.stx_mask & kUniqueId) == 0) return 0;
  std::uint64_t id = 0;
  std::memcpy(&id, reinterpret_cast<const std::byte*>(&told) + kWhere, sizeof id);
  return id;
}

}  // namespace aufs::sys
