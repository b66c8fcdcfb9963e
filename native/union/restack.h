// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

// Changes of the stack of a union in use. Every function that changes it is called with tree_lock held exclusively, and costs
// a pass over the inodes that are known, and one over each known directory that the branch is part of.
namespace aufs {

// Makes a writable branch ready: deletes what a crash left half-made, and makes the inode that its whiteouts share.
void prepare_branch(const Branch& branch);

// Reads the hard-link groups of all writable branches anew.
Status load_hard_links(Engine& engine);

// The branch that is the directory at `path`, by whatever name. Errors: ENOENT if there is none.
Result<BranchIndex> find_branch(const Engine& engine, const std::string& path);

// Puts a branch at position `at` (0: topmost); those from there on move down. Errors: as open_branches(), EINVAL for a position that
// is not there.
Status insert_branch(Engine& engine, BranchIndex at, const BranchSpec& spec, StackChange& change,
                     Refusal& refusal);

// Takes a branch out. Errors: EBUSY if a file of it is open, or a directory of `held` is in no other branch; EINVAL for the last
// branch.
Status remove_branch(Engine& engine, BranchIndex branch, const std::vector<NodePtr>& held,
                     StackChange& change);

// Gives a branch another permission. Open files that were written in it are not writable any more. Errors: EBUSY if the
// kernel writes to such a file itself, or if another union writes to the branch.
Status change_perm(Engine& engine, BranchIndex branch, const BranchPerm& perm, StackChange& change);

}  // namespace aufs
