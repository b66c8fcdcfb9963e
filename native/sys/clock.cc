// SPDX-License-Identifier: MIT
#include "sys/clock.h"

namespace aufs::sys {

struct timespec now() noexcept {
  struct timespec time {};
  ::clock_gettime(CLOCK_REALTIME_COARSE, &time);
  return time;
}

}  // namespace aufs::sys
