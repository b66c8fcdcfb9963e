// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// Reads `dir` in all its branches and merges the names into an index: whiteouts and opaque directories applied, each
// name once. Layers below an opaque one are dropped from the directory. The caller holds dir->dir->lock exclusively.
// Cost: one getdents64(2) pass per branch.
Result<std::unique_ptr<DirIndex>> merge_directory(Engine& engine, const NodePtr& dir);

// The index of `dir`, which is read first if it is not known. The caller holds dir->dir->lock exclusively.
// Errors: ENOENT if the directory was removed.
Result<DirIndex*> ensure_index(Engine& engine, const NodePtr& dir);

// The directory is read anew when it is next used. The caller holds dir->dir->lock exclusively.
void forget_index(Engine& engine, const NodePtr& dir);

// False if the index must be read anew: a branch was changed behind the union since it was read. The union looks each time with
// udba=reval, otherwise a second after it looked last. The caller holds dir->dir->lock, shared or exclusively.
// Cost, if it looks: one fstat(2) per branch.
bool is_current(Engine& engine, const NodePtr& dir);
// True if the directory was not changed behind the union since this was last asked, so that what somebody keeps of its listing
// is still right. As current as is_current().
bool is_listing_kept(Engine& engine, const NodePtr& dir);
// True if the directory is known to be changed behind the union, or is to be taken for it: what was known of its entries may be
// of others now.
bool is_edited(const Engine& engine, const NodePtr& dir);
// The union itself has just changed `dir` in `branch`, and its index says so. The caller holds dir->dir->lock exclusively.
void note_own_change(Engine& engine, const NodePtr& dir, BranchIndex branch);
// The same, of a change that somebody asked for: it moves the times of the directory, which are those of its topmost layer. One that is
// in a read-only branch stays as it is.
void entries_changed(Engine& engine, const NodePtr& dir, BranchIndex branch);

// Counts the visible subdirectories anew, after a change of the index. The caller holds dir->dir->lock exclusively.
void adjust_subdirs(Node& dir, int by);

}  // namespace aufs
