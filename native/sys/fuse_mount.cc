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

}  // namespace aufs::sys
