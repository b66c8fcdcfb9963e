// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <compare>
#include <cstdint>

#include "base/result.h"

namespace aufs::sys {

// A number of the topmost mount on `path` that no other mount gets before the machine is started anew; 0 where the kernel has
// none (before Linux 6.8) or nobody can say. Nothing is asked of who serves the mount.
std::uint64_t unique_mount_id(const char* path) noexcept;

// Where a directory is: through another mount the same one has others above it.
struct Position {
  dev_t device;
  ino_t inode;
  std::uint64_t mount;  // 0 if the kernel does not tell (Linux 5.8)

  auto operator<=>(const Position&) const = default;
  bool is_same_directory(const Position& other) const noexcept {
    return device == other.device && inode == other.inode;
  }
};
Result<Position> position_of(int dir) noexcept;

}  // namespace aufs::sys
