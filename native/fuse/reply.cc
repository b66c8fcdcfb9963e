// SPDX-License-Identifier: MIT
#include "fuse/reply.h"

#include <cerrno>

#include "fuse/wire.h"

namespace aufs::fuse {

Reply::~Reply() {
  if (!given_) fail(EIO);
}

bool Reply::give(std::int32_t error, std::span<const std::byte> a, std::span<const std::byte> b) noexcept {
  given_ = true;
  const auto length = static_cast<std::uint32_t>(sizeof(wire::OutHeader) + a.size() + b.size());
  return channel_.reply({length, error, unique_}, a, b);
}

void Reply::fail(int code) noexcept {
  give(-code, {}, {});
}

}  // namespace aufs::fuse
