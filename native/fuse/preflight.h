// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include "fuse/failure.h"
#include "fuse/options.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// The checks before anything is mounted. Nothing stays behind when one fails.

// The real path of the mountpoint. ERR_MOUNTPOINT, ERR_MOUNTPOINT_NOT_EMPTY.
Outcome<std::string> check_target(const Options& options);

// What the engine said of a branch, as a person has to be told; `how`: Refusal::overlap.
Failure explain_branch(const std::string& path, Error error, const std::string& how = {});

// `target`: the mountpoint, which no branch may be or lie in, since it hides them, nor contain. ERR_BRANCH_NOT_FOUND, ERR_BRANCH_OVERLAP,
// ERR_BRANCH_BUSY, ERR_BRANCH.
Outcome<std::unique_ptr<UnionFs>> open_union(const Options& options, const std::string& target,
                                             std::function<void(const CopyUpEvent&)> on_copy_up);

}  // namespace aufs::fuse
