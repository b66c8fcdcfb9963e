// SPDX-License-Identifier: MIT
#include "fuse/rings.h"

#include <algorithm>
#include <cerrno>

namespace aufs::fuse {
namespace {

// Who waits for the disk (copy_up, fsync), or is told to look at a directory that somebody else holds, must not keep the others of its
// processor waiting.
unsigned threads_for_each(std::size_t processors, unsigned threads) {
  const auto count = static_cast<unsigned>(processors);
  if (threads != 0) return (threads + count - 1) / count;
  return std::clamp(8 / count, 2U, 4U);
}

}  // namespace

std::vector<Lane> plan_lanes(const sys::Processors& processors, unsigned threads) {
  std::vector<Lane> lanes;
  for (unsigned turn = threads_for_each(processors.online.size(), threads); turn > 0; --turn) {
    for (const unsigned number : processors.online) {
      lanes.push_back({{static_cast<std::uint16_t>(number)}, number});
    }
  }
  Lane others;
  for (const unsigned number : processors.possible) {
    const auto& online = processors.online;
    if (!std::binary_search(online.begin(), online.end(), number))
      others.queues.push_back(static_cast<std::uint16_t>(number));
  }
  if (!others.queues.empty()) lanes.push_back(std::move(others));
  return lanes;
}

Result<std::vector<RingThread>> make_rings(int device, unsigned threads, Dialect dialect) {
  AUFS_TRY(const sys::Processors processors, sys::processors());
  if (processors.possible.back() + 1 != processors.possible.size()) return Error{ENOTSUP, "read"};
  std::vector<RingThread> rings;
  for (const Lane& lane : plan_lanes(processors, threads)) {
    AUFS_TRY(std::unique_ptr<RingChannel> channel, RingChannel::create(device, lane.queues, dialect));
    rings.push_back({std::move(channel), lane.processor});
  }
  return rings;
}

const char* why_no_rings(int code) noexcept {
  switch (code) {
    case EPERM:
    case EACCES: return "io_uring is forbidden here (kernel.io_uring_disabled, or a seccomp filter)";
    case ENOSYS: return "io_uring is not there (kernel, or a seccomp filter)";
    case ENOMEM:
    case EAGAIN: return "not enough memory for io_uring";
    case EMFILE:
    case ENFILE: return "too many files are open for io_uring";
    case EOPNOTSUPP:
      return "the kernel has switched it off meanwhile (parameter enable_uring of its module fuse)";
    case EINVAL: return "the kernel wants it otherwise than this server has it";
    default: return "the processors of this machine are numbered in an unknown way";
  }
}

}  // namespace aufs::fuse
