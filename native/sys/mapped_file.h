// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <span>
#include <utility>

#include "base/result.h"

namespace aufs::sys {

// A whole file in memory, to be read only: its pages are shared with everybody who reads or maps it, and the kernel takes
// them back when it needs room. Must not be cut off while it is mapped: touching what is gone ends the process (SIGBUS), and
// so does an error of the disk below it. Move-only.
class MappedFile {
 public:
  MappedFile(MappedFile&& other) noexcept : bytes_(std::exchange(other.bytes_, {})) {}
  MappedFile& operator=(MappedFile&&) = delete;
  ~MappedFile();

  std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  friend Result<MappedFile> map_own_file(const char* path);
  explicit MappedFile(std::span<const std::byte> bytes) noexcept : bytes_(bytes) {}

  std::span<const std::byte> bytes_;
};

// Maps a regular file that belongs to this user or to root, so that nobody else can cut it off.
// Errors: EINVAL if it is no regular file or empty; EPERM if it is somebody else's; those of open(2) and mmap(2).
Result<MappedFile> map_own_file(const char* path);

}  // namespace aufs::sys
