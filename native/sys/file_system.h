// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/result.h"

namespace aufs::sys {

// The type of the file system that `fd` lies on: "ext4", "xfs", "btrfs", "tmpfs", "overlay", "fuse", …; its magic number
// in hexadecimal where it has no name here. Source: statfs(2). ext2 and ext3 have ext4's number.
Result<std::string> file_system_type(int fd);

// f_type, f_bsize, f_blocks, … of statfs(2), for callers that need the number.
Result<long> file_system_magic(int fd);

}  // namespace aufs::sys
