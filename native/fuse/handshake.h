// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/result.h"
#include "fuse/wire.h"

namespace aufs::fuse {

inline constexpr std::uint32_t kMaxPages =
    256;  // of 4 KiB; the kernel's limit unless root raises fs.fuse.max_pages_limit
inline constexpr std::size_t kMaxTransfer = 1 << 20;  // bytes of data in one READ, WRITE or READDIR

// What kernel and server agreed on.
struct Negotiated {
  std::uint32_t minor = 0;  // of protocol 7.x
  std::uint64_t flags = 0;  // wire::k…; what both sides have
  bool has(std::uint64_t flag) const noexcept { return (flags & flag) == flag; }
};

struct Handshake {
  Negotiated negotiated;
  wire::InitOut reply;
};

// What a mount is to have, as far as the kernel can.
struct Wanted {
  bool passthrough = true;
  bool over_io_uring = false;  // once agreed upon, nothing is asked before each queue has room for a request
  bool revalidate = false;     // files may change behind the mount: the kernel looks at their times
};

// Answers INIT. Errors: EPROTO for a kernel older than 7.31 (Linux 5.4) or a major version other than 7.
Result<Handshake> shake_hands(const wire::InitIn& init, Wanted want) noexcept;

}  // namespace aufs::fuse
