// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include "fuse/channel.h"

namespace aufs::fuse {

// Requests read from a descriptor of /dev/fuse, which somebody else keeps open, and replies written to it.
class DeviceChannel final : public Channel {
 public:
  // Throws std::bad_alloc.
  DeviceChannel(int device, Dialect dialect);

  Status next(Incoming& into) noexcept override;
  bool reply(const wire::OutHeader& header, std::span<const std::byte> first,
             std::span<const std::byte> second) noexcept override;

 private:
  const int device_;
  const Dialect dialect_;
  const std::unique_ptr<std::byte[]> buffer_;
};

}  // namespace aufs::fuse
