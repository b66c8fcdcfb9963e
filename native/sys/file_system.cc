// SPDX-License-Identifier: MIT
#include "sys/file_system.h"

#include <sys/vfs.h>

#include <array>
#include <cstdio>

#include "sys/call.h"

namespace aufs::sys {
namespace {

struct Type {
  unsigned long magic;
  const char* name;
};

constexpr std::array kTypes = {
    Type{0xEF53, "ext4"},      Type{0x58465342, "xfs"},      Type{0x9123683E, "btrfs"},
    Type{0x01021994, "tmpfs"}, Type{0x794C7630, "overlay"},  Type{0x65735546, "fuse"},
    Type{0x61756673, "aufs"},  Type{0x6969, "nfs"},          Type{0x2FC12FC1, "zfs"},
    Type{0xF2F52010, "f2fs"},  Type{0x4D44, "vfat"},         Type{0x01021997, "9p"},
    Type{0xE0F5E1E2, "erofs"}, Type{0x73717368, "squashfs"}, Type{0x858458F6, "ramfs"},
    Type{0xF15F, "ecryptfs"},  Type{0xFF534D42, "cifs"},     Type{0xCA451A4E, "bcachefs"},
};

}  // namespace

Result<long> file_system_magic(int fd) {
  struct statfs fs {};
  if (retry_eintr([&] { return ::fstatfs(fd, &fs); }) < 0) return Error::last("fstatfs");
  return static_cast<long>(fs.f_type);
}

Result<std::string> file_system_type(int fd) {
  AUFS_TRY(const long magic, file_system_magic(fd));
  const unsigned long number = static_cast<unsigned long>(magic) & 0xFFFFFFFFUL;
  for (const Type& type : kTypes) {
    if (type.magic == number) return std::string(type.name);
  }
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "0x%lx", number);
  return std::string(text.data());
}

}  // namespace aufs::sys
