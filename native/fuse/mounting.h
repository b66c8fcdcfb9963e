// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "base/unique_fd.h"
#include "fuse/failure.h"
#include "fuse/options.h"
#include "sys/fuse_mount.h"

namespace aufs::fuse {

inline constexpr const char* kMountType = "fuse.node-aufs";

// Mounts on `target` (a real path) and gives the connection's descriptor, with INIT waiting on it.
//
// With CAP_SYS_ADMIN, in the initial or in another user namespace, by mount(2), otherwise by fusermount3. Other users may use
// the mount (`allow_other`) unless told otherwise if root of the initial namespace mounts, or root of a namespace that
// has several users; not where the namespace has one user, for there it would lock out the creator outside of it.
Outcome<UniqueFd> mount_union(const Options& options, const std::string& target);

// Takes the mount off `target`, by umount2(2) or fusermount3. Errors: EBUSY (kPlain), EINVAL if nothing is mounted there.
Status unmount(const std::string& target, sys::Unmount how);

// Takes away what a server of ours left on `target` that was killed together with its supervisor: a mount where every call
// fails with ENOTCONN. Other mounts are left alone.
void remove_dead_mount(const std::string& target);

// Whether the server can be reached from the kernel at all. ERR_FUSE_DEVICE if not.
MaybeFailure check_device();

}  // namespace aufs::fuse
