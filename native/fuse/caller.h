// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "fuse/wire.h"

// What the kernel does not say of a caller, read from /proc, where one who waits for our reply cannot vanish from.
namespace aufs::fuse {

// /proc/PID/status of the caller; empty if it cannot be seen from here, as one in another pid namespace.
std::string status_of(const wire::InHeader& caller);

// What stands after `title`, which is "\nNAME:\t"; empty if there is no such line.
std::string_view line_of(std::string_view status, std::string_view title);

// Its supplementary groups; empty if it cannot be seen.
std::vector<gid_t> groups_of(const wire::InHeader& caller);

}  // namespace aufs::fuse
