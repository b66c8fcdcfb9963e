// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "fuse/ring_channel.h"
#include "sys/processors.h"

// FUSE over io_uring as a whole (Linux 6.14). The kernel has a queue for each processor that the machine may ever have, which takes the
// requests of whoever runs on it, and asks nobody anything, once the two have agreed on it at INIT, before each queue has a slot.
namespace aufs::fuse {

// What one thread serves.
struct Lane {
  std::vector<std::uint16_t> queues;
  std::optional<unsigned> processor;  // that it stays on

  bool operator==(const Lane&) const = default;
};

// Threads for the queues of processors that are there, so many that together they are `threads` or a few more (0: as many as it takes that one
// that waits for the disk does not keep others waiting), and one for all the others.
std::vector<Lane> plan_lanes(const sys::Processors& processors, unsigned threads);

struct RingThread {
  std::unique_ptr<RingChannel> channel;
  std::optional<unsigned> processor;
};

// Makes everything that can fail without the kernel's having been told. Errors: ENOTSUP if processors are numbered with gaps; those of
// sys::CommandRing.
Result<std::vector<RingThread>> make_rings(int device, unsigned threads, Dialect dialect);

// What such an error means, in words.
const char* why_no_rings(int code) noexcept;

}  // namespace aufs::fuse
