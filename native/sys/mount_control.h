// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

// The ioctl by which a mount is asked about its branches and told to change them: on any directory of the mount, so that it
// works from everywhere where the mount is seen, and for mounts that outlive their maker. See fuse/branch_control.h.
namespace aufs::sys {

inline constexpr std::size_t kControlSize = 16'000;  // bytes both ways; an ioctl has room for 16,383
extern const unsigned kControlCommand;

// Sends `command`, words each ended by a NUL, to the mount that the directory `dir` is in, and gives its answer.
// Errors: E2BIG for a command that is too long; ENOTTY and the like from anything that is no such mount; EPERM.
Result<std::string> control_mount(int dir, const std::string& command);

}  // namespace aufs::sys
