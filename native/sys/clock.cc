// SPDX-License-Identifier: MIT
#include "sys/clock.h"

namespace aufs::sys {

struct timespec now() noexcept {
  struct timespec time {};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return time;
}

std::int64_t coarse_milliseconds() noexcept {
  struct timespec time {};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return static_cast<std::int64_t>(time.tv_sec) * 1000 + time.tv_nsec / 1'000'000;
}

}  // namespace aufs::sys
