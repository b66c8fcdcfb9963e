// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace aufs::sys {

// How many descriptors this process may have open (RLIMIT_NOFILE, soft).
std::size_t open_file_limit() noexcept;
// Raises that to what this process may give itself (the hard limit).
void raise_open_file_limit() noexcept;

}  // namespace aufs::sys
