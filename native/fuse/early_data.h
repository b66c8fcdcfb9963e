// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "fuse/io_modes.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// Larger files are seldom read whole, and the kernel asks for their data in few large pieces.
constexpr std::size_t kSmallFile = 64 << 10;

// Gives the kernel the data of a small file of a read-only branch before it asks, so that it asks for neither the data nor, afterwards, for
// the attributes, whose access time a READ makes it distrust. Returns its size; 0 if it is no such file. `buffer`: at least kSmallFile.
//
// Data that was read before somebody wrote must not come after it. Whoever writes has the file open, and while_closed() lets nobody open it; who
// sets its size by name has the file copied up first, for which while_lower() makes him wait, and the kernel cuts off its pages then.
std::size_t give_early(UnionFs& fs, IoModes& modes, int device, const OpenFilePtr& file, std::uint64_t nodeid,
                       std::span<std::byte> buffer);

}  // namespace aufs::fuse
