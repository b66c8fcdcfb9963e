// SPDX-License-Identifier: MIT
#pragma once

#include "fuse/server.h"

namespace aufs::fuse {

// Handles one request: exactly one reply is given, or none where the protocol has none, whatever the engine does.
// An opcode without a handler gets ENOSYS, after which the kernel does not ask for many of them again.
void dispatch(Call& call) noexcept;

}  // namespace aufs::fuse
