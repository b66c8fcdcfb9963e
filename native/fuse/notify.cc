// SPDX-License-Identifier: MIT
#include "fuse/notify.h"

#include <sys/uio.h>

#include <array>

#include "fuse/wire.h"
#include "sys/fuse_device.h"

namespace aufs::fuse {
namespace {

template <typename T>
iovec vector_of(const T& value) noexcept {
  return {const_cast<T*>(&value), sizeof value};
}

void notify_inode_changed(int device, const wire::NotifyInvalInode& body) noexcept {
  const wire::OutHeader header{sizeof header + sizeof body, wire::kNotifyInvalInode, 0};
  const std::array<iovec, 2> parts{vector_of(header), vector_of(body)};
  [[maybe_unused]] const Status sent = sys::write_device(device, parts);
}

}  // namespace

void notify_attributes_changed(int device, std::uint64_t nodeid) noexcept {
  notify_inode_changed(device, {nodeid, -1, 0});
}

void notify_directory_changed(int device, std::uint64_t nodeid) noexcept {
  notify_inode_changed(device, {nodeid, 0, 0});
}

void notify_name_changed(int device, std::uint64_t parent, std::string_view name) noexcept {
  const auto length = static_cast<std::uint32_t>(name.size());
  const wire::NotifyInvalEntry body{parent, length, wire::kExpireOnly};
  const auto size = static_cast<std::uint32_t>(sizeof(wire::OutHeader) + sizeof body + name.size() + 1);
  const wire::OutHeader header{size, wire::kNotifyInvalEntry, 0};
  const char end = 0;
  const std::array<iovec, 4> parts{vector_of(header), vector_of(body),
                                   iovec{const_cast<char*>(name.data()), name.size()}, vector_of(end)};
  [[maybe_unused]] const Status sent = sys::write_device(device, parts);
}

void notify_data(int device, std::uint64_t nodeid, std::span<const std::byte> data) noexcept {
  const auto length = static_cast<std::uint32_t>(data.size());
  const wire::NotifyStore body{nodeid, 0, length, 0};
  const auto size = static_cast<std::uint32_t>(sizeof(wire::OutHeader) + sizeof body + data.size());
  const wire::OutHeader header{size, wire::kNotifyStore, 0};
  const std::array<iovec, 3> parts{vector_of(header), vector_of(body),
                                   iovec{const_cast<std::byte*>(data.data()), data.size()}};
  [[maybe_unused]] const Status sent = sys::write_device(device, parts);
}

}  // namespace aufs::fuse
