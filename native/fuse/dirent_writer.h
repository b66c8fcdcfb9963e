// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuse/wire.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// Fills a buffer with directory entries, each padded to 8 bytes. Every add_* says whether the entry went in; once one
// did not, the buffer is to be sent.
class DirentWriter {
 public:
  explicit DirentWriter(std::span<std::byte> buffer) noexcept : buffer_(buffer) {}

  // READDIR. `next` is the offset at which a later request goes on.
  bool add(const DirEntry& entry, std::uint64_t next) noexcept;

  // READDIRPLUS.
  bool has_room_with_attributes(const DirEntry& entry) const noexcept;
  bool add_with_attributes(const DirEntry& entry, std::uint64_t next,
                           const wire::EntryOut& attributes) noexcept;
  // nodeid 0 tells the kernel that nothing is said about the entry but its name.
  bool add_without_attributes(const DirEntry& entry, std::uint64_t next) noexcept;

  std::span<const std::byte> written() const noexcept { return buffer_.first(used_); }

 private:
  std::size_t room() const noexcept { return buffer_.size() - used_; }
  void put(const void* bytes, std::size_t size) noexcept;
  void put_entry(const DirEntry& entry, std::uint64_t next) noexcept;

  std::span<std::byte> buffer_;
  std::size_t used_ = 0;
};

}  // namespace aufs::fuse
