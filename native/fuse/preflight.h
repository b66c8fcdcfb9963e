// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "fuse/failure.h"
#include "fuse/options.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// The checks before anything is mounted. Nothing stays behind when one fails.

// The real path of the mountpoint. ERR_MOUNTPOINT, ERR_MOUNTPOINT_NOT_EMPTY.
Outcome<std::string> check_target(const Options& options);

// A branch must not be or lie below another one, nor below the mountpoint, which hides it, nor the mountpoint below a branch, which would then
// contain itself. With the mountpoint compared by device and inode all the way up, so bind mounts and symlinks do not matter; with other
// branches by real path, for the engine compares them thus.
// ERR_BRANCH_NOT_FOUND, ERR_BRANCH_OVERLAP.
MaybeFailure check_branches(const std::vector<std::string>& paths, const std::string& target);

// What the engine said of a branch, as a person has to be told.
Failure explain_branch(const std::string& path, Error error);

// ERR_BRANCH_NOT_FOUND, ERR_BRANCH_OVERLAP, ERR_BRANCH_BUSY, ERR_BRANCH.
Outcome<std::unique_ptr<UnionFs>> open_union(const Options& options,
                                             std::function<void(const CopyUpEvent&)> on_copy_up);

}  // namespace aufs::fuse
