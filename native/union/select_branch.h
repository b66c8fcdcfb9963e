// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

// Which writable branch a change is made in, by the policies of the union (policy.h).
namespace aufs {

// The branch for the new entry `name` of `parent`. Takes Directory::lock. Errors: EROFS if no writable branch would show it.
Result<BranchIndex> branch_for_create(Engine& engine, const NodePtr& parent, const std::string& name,
                                      bool is_dir);

// The branch in which something of `parent` that is seen in branch `source` is changed, hidden or copied to: `source` itself
// if it is writable. Errors: EROFS.
Result<BranchIndex> branch_for_change(Engine& engine, const NodePtr& parent, BranchIndex source);

// The branch in which `from` of `from_dir` becomes `to` of `to_dir`: where a change of the first would go, or so much
// further up that nothing hides the second. Takes Directory::lock. Errors: EROFS, ENOENT if `from` is not there.
Result<BranchIndex> branch_for_rename(Engine& engine, const NodePtr& from_dir, const std::string& from,
                                      const NodePtr& to_dir, const std::string& to);

// The branch in which the two are exchanged. Takes Directory::lock. Errors: EROFS, ENOENT.
Result<BranchIndex> branch_for_exchange(Engine& engine, const NodePtr& from_dir, const std::string& from,
                                        const NodePtr& to_dir, const std::string& to);

// True if something new that `branch` has under the name would be seen: nothing above hides it, and the directory is in the branch or
// would merge with it. Takes Directory::lock.
Result<bool> would_show(Engine& engine, const NodePtr& parent, const std::string& name, BranchIndex branch);

}  // namespace aufs
