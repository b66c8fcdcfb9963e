// SPDX-License-Identifier: MIT
#include "fuse/reply.h"

#include <sys/uio.h>

#include <array>
#include <cerrno>

#include "fuse/wire.h"
#include "sys/fuse_device.h"

namespace aufs::fuse {
namespace {

iovec vector_of(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

Reply::~Reply() {
  if (!given_) fail(EIO);
}

bool Reply::write(std::int32_t error, std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  given_ = true;
  const auto length = static_cast<std::uint32_t>(sizeof(wire::OutHeader) + a.size() + b.size());
  const wire::OutHeader header{length, error, unique_};
  const std::array<iovec, 3> parts{vector_of(std::as_bytes(std::span(&header, 1))), vector_of(a),
                                   vector_of(b)};
  const std::size_t count = !b.empty() ? 3 : !a.empty() ? 2 : 1;
  return static_cast<bool>(sys::write_device(device_, std::span(parts.data(), count)));
}

bool Reply::send(std::span<const std::byte> payload) noexcept {
  return write(0, payload, {});
}

bool Reply::send_two(std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  return write(0, a, b);
}

void Reply::fail(int code) noexcept {
  write(-code, {}, {});
}

void notify_attributes_changed(int device, std::uint64_t nodeid) noexcept {
  const wire::NotifyInvalInode body{nodeid, -1, 0};
  const wire::OutHeader header{sizeof(wire::OutHeader) + sizeof body, wire::kNotifyInvalInode, 0};
  const std::array<iovec, 2> parts{vector_of(std::as_bytes(std::span(&header, 1))),
                                   vector_of(std::as_bytes(std::span(&body, 1)))};
  [[maybe_unused]] const Status sent = sys::write_device(device, parts);
}

}  // namespace aufs::fuse
