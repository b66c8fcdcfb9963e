// SPDX-License-Identifier: MIT
#include "union/copy_up.h"

#include <dirent.h>

#include <optional>

#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up_event.h"
#include "union/dir_merge.h"
#include "union/file_copy_up.h"
#include "union/lookup.h"
#include "union/metadata.h"
#include "union/select_branch.h"

namespace aufs {
namespace {

void copy_behind(Engine& engine, const NodePtr& node);

// The caller holds node->copy_up_mutex.
Status copy_up_locked(Engine& engine, const NodePtr& node, Target target, BranchIndex to,
                      const CopyWanted& wanted = {}) {
  const CopyUpClock::time_point since = CopyUpClock::now();
  if (target.parent) AUFS_CHECK(copy_up_directory(engine, target.parent, to));
  FileCopyUp work(engine, node, std::move(target), to);
  AUFS_CHECK(work.run(wanted));
  if (work.left_behind()) {
    engine.background.add(node, [&engine](const NodePtr& left) { copy_behind(engine, left); });
    return ok();
  }
  report_copy_up(engine, node, work.outcome(), since);
  return ok();
}

Target any_name(const NodePtr& node) {
  const std::shared_lock guard(node->state);
  if (node->names.empty()) return {};
  return {node->names.front().parent, node->names.front().name, false};
}

BranchIndex branch_of(const NodePtr& node) {
  const std::shared_lock guard(node->state);
  return node->branch;
}

// Makes a copy_up with `make` for one of the node's names, or for none. A name may vanish or move while the data is copied: then another is
// tried. If it is the same as before, the branch was changed behind our back, and nothing more can be done.
template <typename Make>
Status for_a_name(const NodePtr& node, Make&& make) {
  for (;;) {
    const Target target = any_name(node);
    const Status done = make(target);
    if (done || (done.error().code != ESTALE && done.error().code != ENOENT)) return done;
    const Target now = any_name(node);
    if (now.parent == target.parent && now.name == target.name) return done;
  }
}

// The caller holds node->copy_up_mutex.
Status copy_up_file(Engine& engine, const NodePtr& node, const CopyWanted& wanted) {
  return for_a_name(node, [&](const Target& target) -> Status {
    const BranchIndex source = branch_of(node);
    if (engine.is_writable(source)) return ok();
    if (target.parent)
      AUFS_CHECK(check_name(engine, target.name));  // a whiteout that is shown stays what it is
    AUFS_TRY(const BranchIndex to,
             branch_for_change(engine, target.parent ? target.parent : engine.root, source));
    return copy_up_locked(engine, node, target, to, wanted);
  });
}

Status finish_partial(Engine& engine, const NodePtr& node, PartialCopy& partial) {
  AUFS_CHECK(partial.complete());
  if (engine.options.sync_copy_up) AUFS_CHECK(partial.staged().settle(partial.outcome().method));
  return for_a_name(node, [&](const Target& target) -> Status {
    if (target.parent) AUFS_CHECK(copy_up_directory(engine, target.parent, partial.branch()));
    return FileCopyUp(engine, node, target, partial.branch()).finish(partial);
  });
}

// The caller holds node->copy_up_mutex. Does nothing if the file is not being copied.
Status finish_locked(Engine& engine, const NodePtr& node) {
  const PartialCopyPtr partial = partial_of(*node);
  if (!partial) return ok();
  const Status done = finish_partial(engine, node, *partial);
  partial->failed = !done;
  if (!done) return done;
  report_copy_up(engine, node, partial->outcome(), partial->since());
  engine.background.done(node);
  return ok();
}

// On the thread behind.
void copy_behind(Engine& engine, const NodePtr& node) {
  const PartialCopyPtr partial = partial_of(*node);
  if (!partial) return;
  const auto copied = [&]() -> Status {
    for (bool more = true; more;) {
      if (engine.background.stopping() || is_lost(*node)) return ok();
      AUFS_TRY(more, partial->copy_some());
    }
    // Once more when it is named, but then the locks are not held for long.
    return engine.options.sync_copy_up ? partial->staged().settle(partial->outcome().method) : ok();
  }();
  if (!copied) partial->failed = true;
  if (!copied || engine.background.stopping()) return;
  const std::shared_lock tree(engine.tree_lock);
  const std::lock_guard once(node->copy_up_mutex);
  if (is_lost(*node)) engine.background.let_go(node);
  else (void)finish_locked(engine, node);
}

// Gives one more name to the copy that a hard-link group has already, in the branch `to`.
Status link_group_name(Engine& engine, const NodePtr& parent, const std::string& name, const NodePtr& node,
                       BranchIndex to) {
  if (branch_of(node) != to) return Error{EXDEV, "copy_up"};
  AUFS_CHECK(copy_up_directory(engine, parent, to));
  const std::lock_guard dir_guard(parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  const NameEntry* const entry = index->find(name);
  if (entry == nullptr || !entry->visible()) return Error{ENOENT, "copy_up"};
  if (entry->top <= to) return ok();
  const std::lock_guard guard(node->state);
  AUFS_TRY(const Place place, locate(engine, node));
  AUFS_TRY(const SharedFd upper, dir_fd(engine, parent, to));
  AUFS_TRY(const struct stat st, sys::stat_at(place.fd, place.leaf()));
  std::optional<KeepTimes> keep(upper->get());
  AUFS_CHECK(place.name.empty() ? sys::link_fd(place.fd, upper->get(), name.c_str())
                                : sys::link(place.fd, place.leaf(), upper->get(), name.c_str()));
  index->put(name, {to, false, entry->type, st.st_ino});
  keep.reset();
  note_own_change(engine, parent, to);
  engine.hard_links.name_covered(node->ino);
  return ok();
}

}  // namespace

namespace {

// The topmost layer of the directory is where its attributes are.
Status copy_up_top(Engine& engine, const NodePtr& dir) {
  const BranchIndex top = top_branch(*dir);
  if (engine.is_writable(top)) return ok();
  const Target name = any_name(dir);
  AUFS_TRY(const BranchIndex to, branch_for_change(engine, name.parent ? name.parent : dir, top));
  return copy_up_directory(engine, dir, to);
}

}  // namespace

Status copy_up(Engine& engine, const NodePtr& node, off_t size) {
  if (node->is_dir()) return copy_up_top(engine, node);
  const std::lock_guard once(node->copy_up_mutex);
  AUFS_CHECK(finish_locked(engine, node));
  return copy_up_file(engine, node, {size, false, {}});
}

Status begin_copy_up(Engine& engine, const NodePtr& node, Range soon) {
  if (node->is_dir()) return copy_up_top(engine, node);
  const std::lock_guard once(node->copy_up_mutex);
  if (const PartialCopyPtr partial = partial_of(*node)) {
    return partial->failed ? finish_locked(engine, node) : ok();
  }
  return copy_up_file(engine, node, {kWholeFile, true, soon});
}

Status finish_copy_up(Engine& engine, const NodePtr& node) {
  if (!partial_of(*node) && !engine.background.has(node)) return ok();
  const std::lock_guard once(node->copy_up_mutex);
  return finish_locked(engine, node);
}

Status finish_copy_ups(Engine& engine) {
  Status all = ok();
  for (const NodePtr& node : engine.background.all()) {
    if (const Status done = finish_copy_up(engine, node); !done) all = done;
  }
  return all;
}

Status copy_up_name(Engine& engine, const NodePtr& parent, const std::string& name, BranchIndex to) {
  AUFS_TRY(const NameEntry now, visible_entry(engine, parent, name));
  // What is in a writable branch is not being copied behind, so that its node need not be found.
  if (now.type != DT_DIR && now.top <= to && engine.is_writable(now.top)) return ok();
  for (;;) {
    AUFS_TRY(const Found found, lookup(engine, parent, name));
    if (found.node->is_dir()) return copy_up_directory(engine, found.node, to);
    AUFS_CHECK(finish_copy_up(engine, found.node));  // by any of its names, in any branch
    AUFS_TRY(const NameEntry entry, visible_entry(engine, parent, name));
    if (entry.top <= to) return ok();
    {
      const std::lock_guard once(found.node->copy_up_mutex);
      if (partial_of(*found.node)) continue;
      if (branch_of(found.node) == entry.top) {
        return copy_up_locked(engine, found.node, {parent, name, false}, to);
      }
    }
    return link_group_name(engine, parent, name, found.node, to);
  }
}

Status copy_up_as(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& target,
                  BranchIndex to) {
  const std::lock_guard once(node->copy_up_mutex);
  AUFS_CHECK(finish_locked(engine, node));
  if (engine.is_writable(branch_of(node))) return Error{EAGAIN, "copy_up"};
  return copy_up_locked(engine, node, {parent, target, true}, to);
}

Status copy_up_tree(Engine& engine, const NodePtr& dir, BranchIndex to) {
  AUFS_CHECK(copy_up_directory(engine, dir, to));
  AUFS_TRY(const std::vector<DirEntry> entries, list_directory(engine, dir));
  for (const DirEntry& entry : entries) {
    if (entry.type != DT_DIR) {
      AUFS_CHECK(copy_up_name(engine, dir, entry.name, to));
      continue;
    }
    AUFS_TRY(const Found child, lookup(engine, dir, entry.name));
    AUFS_CHECK(copy_up_tree(engine, child.node, to));
  }
  return ok();
}

}  // namespace aufs
