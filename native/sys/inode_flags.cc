// SPDX-License-Identifier: MIT
#include "sys/inode_flags.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "sys/call.h"

namespace aufs::sys {

static_assert(sizeof(ExtendedFlags) == sizeof(struct fsxattr));

const unsigned kGetFlags = FS_IOC_GETFLAGS;
const unsigned kSetFlags = FS_IOC_SETFLAGS;
const unsigned kGetExtendedFlags = FS_IOC_FSGETXATTR;
const unsigned kSetExtendedFlags = FS_IOC_FSSETXATTR;

// Whatever the numbers of the ioctls say, the kernel reads and writes an int.
Result<std::uint32_t> get_flags(int fd) {
  std::uint32_t flags = 0;
  if (::ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0) return Error::last("ioctl");
  return flags;
}

Status set_flags(int fd, std::uint32_t flags) {
  return check(::ioctl(fd, FS_IOC_SETFLAGS, &flags), "ioctl");
}

Result<ExtendedFlags> get_extended_flags(int fd) {
  ExtendedFlags flags{};
  if (::ioctl(fd, FS_IOC_FSGETXATTR, &flags) < 0) return Error::last("ioctl");
  return flags;
}

Status set_extended_flags(int fd, const ExtendedFlags& flags) {
  ExtendedFlags wanted = flags;
  return check(::ioctl(fd, FS_IOC_FSSETXATTR, &wanted), "ioctl");
}

Result<Protection> protection_of(int dir, const char* name) {
  struct statx sx {};
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(dir, name, flags, 0, &sx) < 0) return Error::last("statx");
  return Protection{(sx.stx_attributes & STATX_ATTR_IMMUTABLE) != 0,
                    (sx.stx_attributes & STATX_ATTR_APPEND) != 0};
}

}  // namespace aufs::sys
