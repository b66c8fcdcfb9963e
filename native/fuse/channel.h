// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <span>

#include "base/result.h"
#include "fuse/handshake.h"
#include "fuse/protocol.h"

namespace aufs::fuse {

// One request as it came, good until its channel is asked for the next.
struct Incoming {
  wire::InHeader header{};  // `unique` 0: not even that came, and nobody waits for a reply
  Result<Request> request = Error{EPROTO, "read"};
  std::span<std::byte>
      scratch;  // kMaxTransfer bytes for a large reply; of use to requests without data, which it may lie over
};

// Room before the scratch memory for a request with strings.
inline constexpr std::size_t kRequestHead = 4096;

// Where the requests of one thread come from and its replies go: /dev/fuse, or a queue of the kernel's over io_uring.
class Channel {
 public:
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  virtual ~Channel() = default;

  // Waits for a request. Errors: EINTR, ENOENT, EAGAIN: ask again; any other: the connection is gone.
  virtual Status next(Incoming& into) noexcept = 0;
  // Replies to the request that came last: the two parts follow the header. True if the kernel takes it. `first` may lie in the scratch memory.
  virtual bool reply(const wire::OutHeader& header, std::span<const std::byte> first,
                     std::span<const std::byte> second) noexcept = 0;
  // To be called in place of another next(): a reply may still be on its way.
  virtual void finish() noexcept {}
};

}  // namespace aufs::fuse
