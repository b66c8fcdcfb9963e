// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// Removes a name that is not a directory's. What is visible below afterwards is hidden by a whiteout, which is made first: a crash in
// between shows the state afterwards. Errors: ENOENT, EISDIR, EROFS, ENOSPC when the whiteout cannot be made.
Status unlink_name(Engine& engine, const NodePtr& parent, const std::string& name);

// Removes an empty directory; whiteouts inside go along. Errors: ENOENT, ENOTDIR, ENOTEMPTY, EROFS.
Status remove_directory(Engine& engine, const NodePtr& parent, const std::string& name);

// --- also for rename()
// `node` loses the name: the last one leaves it pinned. Called before the name goes on disk.
// The caller holds node->state exclusively.
Status before_name_goes(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name);
// The name is gone, in the branch `branch`. `entry` and `links` are what the index and st_nlink said before.
// The caller holds node->state exclusively.
void after_name_went(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name,
                     const NameEntry& entry, nlink_t links, BranchIndex branch);
// `dir` is no part of the tree any more; whoever stands in it keeps its inode by `pinned`, the descriptor of its topmost
// layer, which is in `branch`. The caller holds dir->dir->lock exclusively.
void detach_directory(Engine& engine, const NodePtr& dir, BranchIndex branch, const SharedFd& pinned);
// True if nothing is seen in `dir`. The caller holds dir->dir->lock exclusively.
Result<bool> is_empty(Engine& engine, const NodePtr& dir);

}  // namespace aufs
