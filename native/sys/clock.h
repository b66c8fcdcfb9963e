// SPDX-License-Identifier: MIT
#pragma once

#include <ctime>

namespace aufs::sys {

// The time of day as file systems stamp it: CLOCK_REALTIME_COARSE, which never is ahead of a stamp that follows.
struct timespec now() noexcept;

}  // namespace aufs::sys
