// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/result.h"

// What chattr(1) changes: flags of an inode that the file system itself obeys. The descriptors must not be O_PATH.
namespace aufs::sys {

// struct fsxattr of linux/fs.h.
struct ExtendedFlags {
  std::uint32_t flags;  // FS_XFLAG_*
  std::uint32_t extent_size;
  std::uint32_t extents;
  std::uint32_t project;
  std::uint32_t cow_extent_size;
  std::uint8_t unused[8];
};

// The numbers of the ioctls: FS_IOC_GETFLAGS, FS_IOC_SETFLAGS, FS_IOC_FSGETXATTR, FS_IOC_FSSETXATTR.
extern const unsigned kGetFlags;
extern const unsigned kSetFlags;
extern const unsigned kGetExtendedFlags;
extern const unsigned kSetExtendedFlags;

// FS_*_FL. Errors: ENOTTY or EOPNOTSUPP where the file system has no flags.
Result<std::uint32_t> get_flags(int fd);
Status set_flags(int fd, std::uint32_t flags);
Result<ExtendedFlags> get_extended_flags(int fd);
Status set_extended_flags(int fd, const ExtendedFlags& flags);

// What the flags forbid.
struct Protection {
  bool immutable = false;
  bool append_only = false;
};

// Of the file `name` in `dir`, or, with an empty name, of `dir` itself, which may be O_PATH. Nothing where it is not known.
Result<Protection> protection_of(int dir, const char* name);

}  // namespace aufs::sys
