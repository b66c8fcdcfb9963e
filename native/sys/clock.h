// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <ctime>

namespace aufs::sys {

// The time of day as file systems stamp it: CLOCK_REALTIME_COARSE, which never is ahead of a stamp that follows.
struct timespec now() noexcept;
// A clock that never goes back, in milliseconds, right to a few of them: CLOCK_MONOTONIC_COARSE, which costs no system call.
std::int64_t coarse_milliseconds() noexcept;

}  // namespace aufs::sys
