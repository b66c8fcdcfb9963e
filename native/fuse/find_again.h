// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "fuse/node_table.h"

namespace aufs::fuse {

// The node that the kernel knew by `id` before it forgot it, by one of the names that it had then: what open_by_handle_at(2) and an
// NFS server ask for. A name that leads to another inode now does not count.
// Errors: ESTALE if there is none; those of UnionFs::lookup() that say nothing about the name.
Result<Found> find_again(UnionFs& fs, NodeTable& nodes, std::uint64_t id);

}  // namespace aufs::fuse
