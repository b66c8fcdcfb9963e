// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>

#include <cstdio>

#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/dir_merge.h"
#include "union/lookup.h"
#include "union/metadata.h"
#include "union/remove.h"
#include "union/rename_parts.h"
#include "union/select_branch.h"
#include "union/staging.h"

// tree_lock is held exclusively throughout: nobody else uses names, so no directory is locked for the final steps, and
// their order is for crashes only.
namespace aufs {
namespace {

// True if a name seen in `dir` has (also) something from below `branch`.
Result<bool> shows_lower_child(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  const std::lock_guard guard(dir->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, dir));
  for (const auto [name, entry] : *index) {
    if (!entry.visible()) continue;
    if (entry.top > branch || (entry.type == DT_DIR && index->branches_of(name).back() > branch)) return true;
  }
  return false;
}

// Everything that is seen in `dir` is in `branch`: others are no part of it any more, nor of the directories in it. Only
// nodes that live need to be told; others are made anew when they are looked up.
void keep_one_layer(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  {
    const std::lock_guard guard(dir->dir->lock);
    set_layers(*dir, {branch});
    forget_index(engine, dir);
  }
  const Result<std::vector<DirEntry>> entries = list_directory(engine, dir);
  if (!entries) return;
  for (const DirEntry& entry : *entries) {
    if (entry.type != DT_DIR) continue;
    const NodePtr child = engine.inodes->find(entry.ino);
    if (child && child->is_dir()) keep_one_layer(engine, child, branch);
  }
}

// Prepares a directory to be moved: all it shows is in the branch, and it is opaque where it would otherwise merge with what
// is below the new name.
Status make_movable(Engine& engine, const NodePtr& dir, BranchIndex branch, bool opaque) {
  AUFS_TRY(const bool merged, shows_lower_child(engine, dir, branch));
  AUFS_CHECK(merged ? copy_up_tree(engine, dir, branch) : copy_up_directory(engine, dir, branch));
  if (!opaque) return ok();
  AUFS_TRY(const SharedFd fd, dir_fd(engine, dir, branch));
  // The marker changes nothing yet: whatever is below was copied up or is hidden.
  const KeepTimes keep(fd->get());
  return make_opaque(engine, branch, fd->get());
}

// Without `dirren` a directory that shows something from below stays where it is, and nothing is copied for it.
Status check_allowed(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  if (engine.options.dirren || !dir->is_dir()) return ok();
  AUFS_TRY(const bool merged, shows_lower_child(engine, dir, branch));
  return merged ? Status(Error{EXDEV, "rename"}) : ok();
}

void set_name(const NodePtr& node, const NodePtr& parent, const std::string& name) {
  const std::lock_guard guard(node->state);
  node->names.assign({parent, name});
}

// The directory that a rename replaces: it must show nothing. Gives its node and its topmost descriptor.
struct Replaced {
  NodePtr node;
  BranchIndex branch = kNoBranch;
  SharedFd fd;
};

Result<Replaced> check_replaced(Engine& engine, const NodePtr& node, const NameEntry& entry) {
  if (!node->is_dir()) return Error{ENOTDIR, "rename"};
  const std::lock_guard guard(node->dir->lock);
  AUFS_TRY(const bool empty, is_empty(engine, node));
  if (!empty) return Error{ENOTEMPTY, "rename"};
  AUFS_TRY(SharedFd fd, dir_fd(engine, node, entry.top));
  return Replaced{node, entry.top, std::move(fd)};
}

// Moves the directory onto its new name in the branch. A directory there that holds whiteouts trades places with it
// first, so that at no moment what is below shows.
Status move_directory(Engine& engine, const NamedEntry& from, const NamedEntry& to, bool replaces) {
  if (to.whiteout) AUFS_CHECK(remove_whiteout(to.fd->get(), to.name));
  const Status moved = sys::rename(from.fd->get(), from.leaf(), to.fd->get(), to.leaf(), 0);
  if (moved || !replaces || (moved.error().code != ENOTEMPTY && moved.error().code != EEXIST)) {
    if (!moved && to.whiteout) (void)make_whiteout(engine, to.branch, to.fd->get(), to.name);
    return moved;
  }
  const Status swapped = sys::rename(from.fd->get(), from.leaf(), to.fd->get(), to.leaf(), RENAME_EXCHANGE);
  if (swapped) return remove_tree_staged(engine, from.branch, from.fd->get(), from.leaf());
  AUFS_CHECK(remove_tree_staged(engine, to.branch, to.fd->get(), to.leaf()));
  return sys::rename(from.fd->get(), from.leaf(), to.fd->get(), to.leaf(), 0);
}

// The same over a directory in the branch: they trade places until nothing can fail any more.
Status swap_and_hide(Engine& engine, const NamedEntry& from, const NamedEntry& to, StagedWhiteout& whiteout) {
  const auto swap = [&] {
    return sys::rename(from.fd->get(), from.leaf(), to.fd->get(), to.leaf(), RENAME_EXCHANGE);
  };
  const Status swapped = swap();
  if (failed_with(swapped, EINVAL)) {  // not on this file system
    AUFS_CHECK(move_directory(engine, from, to, true));
    return whiteout.place(from.fd->get(), from.name);
  }
  AUFS_CHECK(swapped);
  const Status hidden = whiteout.place(from.fd->get(), from.name);
  if (!hidden) {
    (void)swap();
    return hidden;
  }
  (void)remove_tree_staged(engine, from.branch, from.fd->get(), from.leaf());  // its name is hidden already
  return ok();
}

// Moves it, and hides what is below its old name.
Status move_and_hide(Engine& engine, const NamedEntry& from, const NamedEntry& to, bool replaces) {
  if (!from.covers) return move_directory(engine, from, to, replaces);
  AUFS_TRY(StagedWhiteout whiteout, StagedWhiteout::create(engine, from.branch));
  if (replaces) return swap_and_hide(engine, from, to, whiteout);
  AUFS_CHECK(move_directory(engine, from, to, false));
  const Status hidden = whiteout.place(from.fd->get(), from.name);
  if (hidden) return ok();
  (void)sys::rename(to.fd->get(), to.leaf(), from.fd->get(), from.leaf(), 0);
  if (to.whiteout) (void)make_whiteout(engine, to.branch, to.fd->get(), to.name);
  return hidden;
}

// Writes down that the directory has moved.
void note_moved(Engine& engine, const NamedEntry& from, const NamedEntry& to, const NodePtr& node,
                const Replaced& replaced) {
  note_gone(engine, from);
  note_here(engine, to, from.entry.ino, DT_DIR);
  set_name(node, to.dir, to.name);
  keep_one_layer(engine, node, to.branch);
  adjust_subdirs(*from.dir, -1);
  adjust_subdirs(*to.dir, replaced.node ? 0 : 1);
  if (!replaced.node) return;
  const std::lock_guard guard(replaced.node->dir->lock);
  detach_directory(engine, replaced.node, replaced.branch, replaced.fd);
}

Status replace(Engine& engine, const RenameNames& names, const Found& source) {
  const Result<Found> target = lookup(engine, names.to_dir, names.to);
  if (!target && target.error().code != ENOENT) return target.error();
  if (target && target->node == source.node) return ok();
  Replaced replaced;
  if (target) {
    AUFS_TRY(const NameEntry entry, visible_entry(engine, names.to_dir, names.to));
    AUFS_TRY(replaced, check_replaced(engine, target->node, entry));
  }
  AUFS_TRY(const BranchIndex branch,
           branch_for_rename(engine, names.from_dir, names.from, names.to_dir, names.to));
  AUFS_CHECK(check_allowed(engine, source.node, branch));
  AUFS_CHECK(copy_up_directory(engine, names.to_dir, branch));
  bool opaque = false;
  {
    AUFS_TRY(const NamedEntry to, named_entry(engine, names.to_dir, names.to, branch));
    if (to.hidden_above) return Error{EROFS, "rename"};
    opaque = to.covers || engine.options.always_opaque;
  }
  AUFS_CHECK(make_movable(engine, source.node, branch, opaque));
  AUFS_TRY(const NamedEntry from, named_entry(engine, names.from_dir, names.from, branch));
  AUFS_TRY(const NamedEntry to, named_entry(engine, names.to_dir, names.to, branch));
  AUFS_CHECK(move_and_hide(engine, from, to, replaced.branch == branch));
  note_moved(engine, from, to, source.node, replaced);
  return ok();
}

Status prepare_exchange(Engine& engine, const NodePtr& parent, const std::string& name, const NodePtr& node,
                        BranchIndex branch, bool opaque) {
  if (node->is_dir()) return make_movable(engine, node, branch, opaque);
  return copy_up_name(engine, parent, name, branch);
}

// Both entries have traded places on disk.
void note_exchanged(Engine& engine, const NamedEntry& from, const NamedEntry& to, const NodePtr& source,
                    const NodePtr& target) {
  note_here(engine, from, to.entry.ino, to.entry.type);
  note_here(engine, to, from.entry.ino, from.entry.type);
  const auto rename_one = [](const NodePtr& node, const NamedEntry& old_at, const NamedEntry& new_at) {
    const std::lock_guard guard(node->state);
    for (Name& known : node->names) {
      if (known.is(old_at.dir, old_at.name)) known = {new_at.dir, new_at.name};
    }
  };
  rename_one(source, from, to);
  rename_one(target, to, from);
  for (const NodePtr& node : {source, target}) {
    if (node->is_dir()) keep_one_layer(engine, node, from.branch);
  }
  const int change = (target->is_dir() ? 1 : 0) - (source->is_dir() ? 1 : 0);
  adjust_subdirs(*from.dir, change);
  adjust_subdirs(*to.dir, -change);
}

Status exchange(Engine& engine, const RenameNames& names, const Found& source) {
  AUFS_TRY(const Found target, lookup(engine, names.to_dir, names.to));
  if (target.node == source.node) return ok();
  if (is_same_or_above(target.node, names.from_dir)) return Error{EINVAL, "rename"};
  AUFS_TRY(const BranchIndex branch,
           branch_for_exchange(engine, names.from_dir, names.from, names.to_dir, names.to));
  AUFS_CHECK(check_allowed(engine, source.node, branch));
  AUFS_CHECK(check_allowed(engine, target.node, branch));
  AUFS_CHECK(copy_up_directory(engine, names.from_dir, branch));
  AUFS_CHECK(copy_up_directory(engine, names.to_dir, branch));
  bool opaque_here = false;
  bool opaque_there = false;
  {
    AUFS_TRY(const NamedEntry from, named_entry(engine, names.from_dir, names.from, branch));
    AUFS_TRY(const NamedEntry to, named_entry(engine, names.to_dir, names.to, branch));
    opaque_here = from.covers;
    opaque_there = to.covers;
  }
  AUFS_CHECK(prepare_exchange(engine, names.from_dir, names.from, source.node, branch, opaque_there));
  AUFS_CHECK(prepare_exchange(engine, names.to_dir, names.to, target.node, branch, opaque_here));
  AUFS_TRY(const NamedEntry from, named_entry(engine, names.from_dir, names.from, branch));
  AUFS_TRY(const NamedEntry to, named_entry(engine, names.to_dir, names.to, branch));
  AUFS_CHECK(sys::rename(from.fd->get(), from.leaf(), to.fd->get(), to.leaf(), RENAME_EXCHANGE));
  note_exchanged(engine, from, to, source.node, target.node);
  return ok();
}

}  // namespace

Status rename_directory(Engine& engine, const RenameNames& names, unsigned flags) {
  AUFS_TRY(const Found source, lookup(engine, names.from_dir, names.from));
  const Result<NameEntry> target = visible_entry(engine, names.to_dir, names.to);
  if (target && (flags & RENAME_NOREPLACE) != 0) return Error{EEXIST, "rename"};
  if (!target && (flags & RENAME_EXCHANGE) != 0) return target.error();
  if (source.node->is_dir() && is_same_or_above(source.node, names.to_dir)) return Error{EINVAL, "rename"};
  if ((flags & RENAME_EXCHANGE) != 0) return exchange(engine, names, source);
  if (target && target->type != DT_DIR) return Error{ENOTDIR, "rename"};
  return replace(engine, names, source);
}

}  // namespace aufs
