// SPDX-License-Identifier: MIT
#include "union/select_branch.h"

#include <algorithm>

#include "union/dir_merge.h"
#include "union/lookup.h"

namespace aufs {
namespace {

Result<BranchIndex> writable(BranchIndex branch) {
  if (branch == kNoBranch) return Error{EROFS, "branch"};
  return branch;
}

// The lowest branch in which a new layer of `dir` would be seen: an opaque directory, a file or a whiteout above ends it.
Result<BranchIndex> lowest_visible(Engine& engine, const NodePtr& dir) {
  BranchIndex lowest = engine.lowest();
  for (NodePtr at = dir; at != engine.root;) {
    Name name;
    {
      const std::shared_lock guard(at->state);
      if (at->names.empty()) return Error{ENOENT, "branch"};
      name = at->names.front();
    }
    {
      const std::lock_guard guard(at->dir->lock);
      AUFS_CHECK(ensure_index(engine, at));
      if (at->dir->opaque != kNoBranch) lowest = std::min(lowest, at->dir->opaque);
    }
    const std::lock_guard guard(name.parent->dir->lock);
    AUFS_TRY(DirIndex* const index, ensure_index(engine, name.parent));
    const BranchIndex closed = index->closed_at(name.name);
    if (closed != kNoBranch) lowest = std::min(lowest, static_cast<BranchIndex>(closed - 1));
    at = name.parent;
  }
  return lowest;
}

// The topmost writable branch among those of the parent above `source`.
BranchIndex topmost_with_parent(const Engine& engine, const std::vector<BranchIndex>& parents,
                                BranchIndex source) {
  const auto at = std::find_if(parents.begin(), parents.end(), [&](BranchIndex branch) {
    return branch >= source || engine.is_writable(branch);
  });
  return at == parents.end() || *at >= source ? kNoBranch : *at;
}

BranchIndex lowest_with_parent(const Engine& engine, const std::vector<BranchIndex>& parents,
                               BranchIndex source) {
  BranchIndex found = kNoBranch;
  for (const BranchIndex branch : parents) {
    if (branch <= source && engine.is_writable(branch)) found = branch;
  }
  return found;
}

// --- new entries

// What the create policies look at.
class CreateChoice {
 public:
  CreateChoice(Engine& engine, const NodePtr& parent, bool is_dir)
      : engine_(engine), parent_(parent), policy_(engine.options.create_policy), is_dir_(is_dir) {}

  Result<BranchIndex> choose(const std::string& name) {
    parents_ = layer_branches(*parent_);
    {
      const std::lock_guard guard(parent_->dir->lock);
      AUFS_TRY(DirIndex* const index, ensure_index(engine_, parent_));
      hidden_by_ = index->hidden_by(name);
    }
    AUFS_TRY(const BranchIndex wanted, by_rule(policy_.rule));
    if (wanted <= parents_.front()) return writable(engine_.writable_from(wanted));
    AUFS_TRY(const BranchIndex floor, lowest_visible(engine_, parent_));
    return writable(engine_.writable_from(std::min(wanted, floor)));
  }

 private:
  Result<BranchIndex> by_rule(CreateRule rule) {
    if (rule == CreateRule::kTopDownParent) return top_down_parent();
    if (rule == CreateRule::kParentMostFree) return parent_most_free();
    if (rule == CreateRule::kParentMostFreeRoundRobin) {
      AUFS_TRY(const BranchIndex branch, parent_most_free());
      return free_in(branch) < policy_.watermark ? by_rule(CreateRule::kMostFreeRoundRobin) : branch;
    }
    if (rule == CreateRule::kTopDownMostFree) return top_down_most_free();
    // A whiteout is replaced where it is, and an opaque directory is added to.
    const BranchIndex here = hidden_by_ != kNoBranch ? hidden_by_ : parent_->dir->opaque;
    if (engine_.is_writable(here)) return here;
    if (rule == CreateRule::kRoundRobin) return round_robin();
    const BranchIndex branch = most_free();
    const bool low = rule == CreateRule::kMostFreeRoundRobin && free_in(branch) < policy_.watermark;
    return low ? round_robin() : writable(branch);
  }

  // Where the directory's topmost branch is read-only, the nearest above it; where there is none, the topmost below.
  Result<BranchIndex> top_down_parent() {
    const BranchIndex near = engine_.writable_from(parents_.front());
    if (near != kNoBranch) return near;
    for (BranchIndex branch = 0; branch <= engine_.lowest(); ++branch) {
      if (engine_.is_writable(branch)) return branch;
    }
    return Error{EROFS, "branch"};
  }

  // A counter that runs down over all branches, read-only ones passed over, as AUFS's does. A directory takes no turn.
  Result<BranchIndex> round_robin() {
    const auto count = static_cast<unsigned>(engine_.branches.size());
    int turn = engine_.round_robin.load();
    for (unsigned tries = 0; tries < 2 * count; ++tries) {
      if (is_dir_) {
        turn -= tries == 0 ? 0 : 1;
      } else {
        turn = engine_.round_robin.fetch_sub(1);
        if (turn == 0) turn = engine_.round_robin.fetch_sub(1);
      }
      const auto branch = static_cast<BranchIndex>(static_cast<unsigned>(turn) % count);
      if (engine_.is_writable(branch)) return branch;
    }
    return Error{EROFS, "branch"};
  }

  // Of equals the lower one.
  BranchIndex most_free() {
    BranchIndex best = kNoBranch;
    for (BranchIndex branch = 0; branch <= engine_.lowest(); ++branch) {
      if (!engine_.is_writable(branch)) continue;
      if (best == kNoBranch || free_in(branch) >= free_in(best)) best = branch;
    }
    return best;
  }

  Result<BranchIndex> top_down_most_free() {
    BranchIndex last = parents_.back();
    if (hidden_by_ != kNoBranch) last = std::min(last, hidden_by_);
    AUFS_TRY(const BranchIndex floor, lowest_visible(engine_, parent_));
    last = std::min(last, floor);
    for (BranchIndex branch = 0; branch <= last; ++branch) {
      if (engine_.is_writable(branch) && free_in(branch) > policy_.watermark) return branch;
    }
    return writable(most_free());
  }

  // Of equals the upper one.
  Result<BranchIndex> parent_most_free() {
    AUFS_TRY(BranchIndex best, top_down_parent());
    for (const BranchIndex branch : parents_) {
      if (engine_.is_writable(branch) && free_in(branch) > free_in(best)) best = branch;
    }
    return best;
  }

  std::uint64_t free_in(BranchIndex branch) {
    if (free_.empty()) free_ = engine_.free_space.of(engine_.branches, policy_.expire);
    return branch == kNoBranch ? 0 : free_[static_cast<std::size_t>(branch)];
  }

  Engine& engine_;
  const NodePtr& parent_;
  const CreatePolicy& policy_;
  const bool is_dir_;
  std::vector<BranchIndex> parents_;
  BranchIndex hidden_by_ = kNoBranch;
  std::vector<std::uint64_t> free_;
};

}  // namespace

Result<BranchIndex> branch_for_create(Engine& engine, const NodePtr& parent, const std::string& name,
                                      bool is_dir) {
  return CreateChoice(engine, parent, is_dir).choose(name);
}

Result<BranchIndex> branch_for_change(Engine& engine, const NodePtr& parent, BranchIndex source) {
  if (engine.is_writable(source)) return source;
  const BranchIndex near = engine.writable_from(source);
  if (near == kNoBranch) return Error{EROFS, "branch"};
  const CopyUpPolicy policy = engine.options.copy_up_policy;
  if (policy == CopyUpPolicy::kBottomUp) return near;
  const std::vector<BranchIndex> parents = layer_branches(*parent);
  if (policy == CopyUpPolicy::kTopDownParent) {
    const BranchIndex with_parent = topmost_with_parent(engine, parents, source);
    return with_parent != kNoBranch ? with_parent : near;
  }
  const BranchIndex with_parent = lowest_with_parent(engine, parents, source);
  return with_parent != kNoBranch ? with_parent : writable(engine.writable_from(parents.front()));
}

Result<BranchIndex> branch_for_rename(Engine& engine, const NodePtr& from_dir, const std::string& from,
                                      const NodePtr& to_dir, const std::string& to) {
  AUFS_TRY(const NameEntry source, visible_entry(engine, from_dir, from));
  AUFS_TRY(const BranchIndex branch, branch_for_change(engine, from_dir, source.top));
  BranchIndex limit = branch;
  {
    const std::lock_guard guard(to_dir->dir->lock);
    AUFS_TRY(DirIndex* const index, ensure_index(engine, to_dir));
    const BranchIndex above = index->above(to, branch);
    if (above != kNoBranch) limit = above;
  }
  if (limit == branch && branch > top_branch(*to_dir) && !has_layer(*to_dir, branch)) {
    AUFS_TRY(const BranchIndex floor, lowest_visible(engine, to_dir));
    limit = std::min(branch, floor);
  }
  return writable(engine.writable_from(limit));
}

Result<BranchIndex> branch_for_exchange(Engine& engine, const NodePtr& from_dir, const std::string& from,
                                        const NodePtr& to_dir, const std::string& to) {
  AUFS_TRY(const NameEntry here, visible_entry(engine, from_dir, from));
  AUFS_TRY(const NameEntry there, visible_entry(engine, to_dir, to));
  AUFS_TRY(const BranchIndex from_branch, branch_for_change(engine, from_dir, here.top));
  AUFS_TRY(const BranchIndex to_branch, branch_for_change(engine, to_dir, there.top));
  return std::min(from_branch, to_branch);
}

Result<bool> would_show(Engine& engine, const NodePtr& parent, const std::string& name, BranchIndex branch) {
  {
    const std::lock_guard guard(parent->dir->lock);
    AUFS_TRY(const DirIndex* const index, ensure_index(engine, parent));
    if (index->above(name, branch) != kNoBranch) return false;
  }
  if (has_layer(*parent, branch) || branch < top_branch(*parent)) return true;
  AUFS_TRY(const BranchIndex floor, lowest_visible(engine, parent));
  return branch <= floor;
}

}  // namespace aufs
