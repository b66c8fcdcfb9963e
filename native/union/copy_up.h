// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "union/engine.h"
#include "union/range_set.h"

namespace aufs {

inline constexpr off_t kWholeFile = -1;

// Makes sure that `dir` exists in the writable branch `to`, with all directories above it; each gets the mode, owner, times
// and extended attributes that are seen. Times of directories above are kept.
// The caller holds no Directory::lock. Errors: ENOENT if `dir` was removed.
Status copy_up_directory(Engine& engine, const NodePtr& dir, BranchIndex to);

// Makes sure that the data of `node`, or the topmost layer of a directory, is in a writable branch (decision 8: whole or
// absent), which the policy chooses. Open files follow.
// `size`: how many bytes are wanted, for truncation; kWholeFile for all.
// A node without a name gets a copy without a name.
// Errors: EROFS; ENOSPC and the like leave nothing behind; EPERM if this process may not give the copy its owner.
Status copy_up(Engine& engine, const NodePtr& node, off_t size = kWholeFile);

// As copy_up of the whole file, but the data of a large one may be copied behind: then node->partial takes what is written and changed. An
// error that stopped that copying comes from here, if it cannot go on now.
// `soon`: the bytes that the caller is about to write.
Status begin_copy_up(Engine& engine, const NodePtr& node, Range soon = {});
// Waits until the node, or every node, that is copied behind has its copy in its branch. Errors: as copy_up; it can be tried again.
Status finish_copy_up(Engine& engine, const NodePtr& node);
Status finish_copy_ups(Engine& engine);

// Makes sure that the name `name` of `parent` is an entry of the writable branch `to`: copies the file up, or, where another
// of its hard links was copied already, makes a link. The caller holds no Directory::lock.
// Errors: as copy_up; ENOENT if the name is gone; EXDEV if the link would have to be in another branch than the copy.
Status copy_up_name(Engine& engine, const NodePtr& parent, const std::string& name, BranchIndex to);

// As copy_up, but the copy gets the new name `target` in the writable branch `to`, for link(): the old name is reached
// through the hard-link group from then on. The caller holds no Directory::lock.
// EAGAIN: somebody else has copied it meanwhile.
Status copy_up_as(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& target,
                  BranchIndex to);

// Copies everything that is seen below `dir`, itself included, up into the branch `to`. The caller holds tree_lock
// exclusively.
Status copy_up_tree(Engine& engine, const NodePtr& dir, BranchIndex to);

// Gives every hard-link group the names in its branch that it has below only (AUFS: auplink flush).
Status flush_hard_links(Engine& engine);

}  // namespace aufs
