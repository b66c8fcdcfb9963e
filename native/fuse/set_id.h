// SPDX-License-Identifier: MIT
#pragma once

#include "fuse/server.h"

// Set-user-ID and set-group-ID go when somebody without CAP_FSETID changes the data of a file. The backing file system does not
// do it, for to it everything is done by this process.
namespace aufs::fuse {

// Whether the caller is of the group `gid`. The kernel tells the group that counts for new files; the others are read from
// /proc, where the caller, who waits for our reply, cannot vanish from. One in a pid namespace that this process does not
// see is taken for a stranger.
bool is_caller_in_group(const Call& call, gid_t gid);

// The bits that `mode` (of the group `gid`) keeps: as setattr_should_drop_suidgid() of the kernel, set-group-ID stays only if
// the group may not execute the file, and for its members.
mode_t without_set_id(mode_t mode, bool in_group) noexcept;

// Takes the bits away, and tells the kernel, which keeps the mode that it has cached. Copies the file up.
Status drop_set_id(Call& call, std::uint64_t nodeid);

// The same unless the caller has CAP_FSETID, which the kernel tells of writes, opens and truncations, but not of allocations,
// copies and new owners. Who is not root is taken not to have it.
Status drop_set_id_unless_privileged(Call& call, std::uint64_t nodeid);

}  // namespace aufs::fuse
