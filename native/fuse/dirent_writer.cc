// SPDX-License-Identifier: MIT
#include "fuse/dirent_writer.h"

#include <cstring>

namespace aufs::fuse {
namespace {

constexpr std::size_t padded(std::size_t size) noexcept {
  return (size + 7) & ~std::size_t{7};
}
static_assert(padded(24 + 1) == 32 && padded(32) == 32);

}  // namespace

void DirentWriter::put(const void* bytes, std::size_t size) noexcept {
  std::memcpy(buffer_.data() + used_, bytes, size);
  used_ += size;
}

void DirentWriter::put_entry(const DirEntry& entry, std::uint64_t next) noexcept {
  const wire::Dirent head{entry.ino, next, static_cast<std::uint32_t>(entry.name.size()), entry.type};
  put(&head, sizeof head);
  put(entry.name.data(), entry.name.size());
  const std::size_t gap = padded(entry.name.size()) - entry.name.size();
  std::memset(buffer_.data() + used_, 0, gap);
  used_ += gap;
}

bool DirentWriter::add(const DirEntry& entry, std::uint64_t next) noexcept {
  if (padded(sizeof(wire::Dirent) + entry.name.size()) > room()) return false;
  put_entry(entry, next);
  return true;
}

bool DirentWriter::has_room_with_attributes(const DirEntry& entry) const noexcept {
  return padded(sizeof(wire::Direntplus) + entry.name.size()) <= room();
}

bool DirentWriter::add_with_attributes(const DirEntry& entry, std::uint64_t next,
                                       const wire::EntryOut& attributes) noexcept {
  if (!has_room_with_attributes(entry)) return false;
  put(&attributes, sizeof attributes);
  put_entry(entry, next);
  return true;
}

bool DirentWriter::add_without_attributes(const DirEntry& entry, std::uint64_t next) noexcept {
  return add_with_attributes(entry, next, wire::EntryOut{});
}

}  // namespace aufs::fuse
