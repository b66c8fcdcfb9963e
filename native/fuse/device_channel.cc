// SPDX-License-Identifier: MIT
#include "fuse/device_channel.h"

#include <sys/uio.h>

#include <array>

#include "sys/fuse_device.h"

namespace aufs::fuse {
namespace {

// Requests are read to its beginning. One that asks for data is small, so that the data can be put behind it.
constexpr std::size_t kBufferSize = kRequestHead + kMaxTransfer + kRequestHead;

iovec vector_of(std::span<const std::byte> bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

DeviceChannel::DeviceChannel(int device, Dialect dialect)
    : device_(device),
      dialect_(dialect),
      buffer_(new std::byte[kBufferSize]) {}  // untouched pages cost nothing

Status DeviceChannel::next(Incoming& into) noexcept {
  const std::span buffer(buffer_.get(), kBufferSize);
  AUFS_TRY(const std::size_t length, sys::read_device(device_, buffer));
  into.header = {};
  into.request = parse_request(buffer.first(length), dialect_, &into.header);
  into.scratch = buffer.subspan(kRequestHead, kMaxTransfer);
  return ok();
}

bool DeviceChannel::reply(const wire::OutHeader& header, std::span<const std::byte> first,
                          std::span<const std::byte> second) noexcept {
  const std::array<iovec, 3> parts{vector_of(std::as_bytes(std::span(&header, 1))), vector_of(first),
                                   vector_of(second)};
  const std::size_t count = !second.empty() ? 3 : !first.empty() ? 2 : 1;
  return static_cast<bool>(sys::write_device(device_, std::span(parts.data(), count)));
}

}  // namespace aufs::fuse
