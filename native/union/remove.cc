// SPDX-License-Identifier: MIT
#include "union/remove.h"

#include <dirent.h>

#include "sys/clock.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/dir_merge.h"
#include "union/inode_flags.h"
#include "union/lookup.h"
#include "union/select_branch.h"
#include "union/staging.h"

namespace aufs {
namespace {

// One removal: what is removed, and the branch in which that happens.
struct Removal {
  NameEntry entry;
  BranchIndex branch = kNoBranch;
  bool hides = false;  // something below needs a whiteout
};

Removal removal_of(const DirIndex& index, const std::string& name, const NameEntry& entry,
                   BranchIndex branch) {
  return {entry, branch, index.below(name, branch) != kNoBranch};
}

// Hides what is below, then removes what is in the branch itself.
template <typename Remove>
Status hide_and_remove(Engine& engine, int dir, const std::string& name, const Removal& removal,
                       Remove&& remove) {
  if (removal.hides) AUFS_CHECK(make_whiteout(engine, removal.branch, dir, name));
  if (removal.entry.top != removal.branch) return ok();
  const Status removed = remove();
  if (!removed && removal.hides) (void)remove_whiteout(dir, name);
  return removed;
}

// Writes into the index that the name is gone.
void forget_entry(DirIndex& index, const std::string& name, const Removal& removal) {
  if (removal.hides) index.put(name, {removal.branch, true, 0, 0});
  else index.take(name, removal.branch);
}

}  // namespace

Status before_name_goes(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name) {
  const bool others = node->names.size() > (node->names.has(parent, name) ? 1 : 0);
  return others || node->grouped ? ok() : pin(engine, node);
}

void after_name_went(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name,
                     const NameEntry& entry, nlink_t links, BranchIndex branch) {
  node->names.remove_if([&](const Name& known) { return known.is(parent, name); });
  if (node->names.empty() && links <= 1 && !node->grouped) node->gone = true;
  // A name that existed below only is covered now; one that was copied up was counted then.
  const bool has_links = links > 1 || engine.hard_links.count_gone(node->ino) > 0;
  if (!engine.is_writable(entry.top)) {
    if (has_links) engine.hard_links.name_covered(node->ino);
    node->change_rare().hidden_at = sys::now();
  } else if (entry.top != branch) {
    ++node->change_rare().covered;
    node->change_rare().hidden_at = sys::now();
  }
  if (!node->grouped) return;
  const Result<Place> place = locate(engine, node);
  if (!place) return;
  const Result<struct stat> st = sys::stat_at(place->fd, place->leaf());
  const auto group = engine.hard_links.find(node->ino);
  if (!st || !group || static_cast<long>(st->st_nlink) - node->rare().covered > 1 || group->left > 0) return;
  // Only the pseudo-link itself is left.
  if (!pin(engine, node)) return;
  node->grouped = false;
  engine.hard_links.remove(node->ino);
}

Result<bool> is_empty(Engine& engine, const NodePtr& dir) {
  AUFS_TRY(DirIndex* const index, ensure_index(engine, dir));
  for (const auto [name, entry] : *index) {
    if (entry.visible()) return false;
  }
  return true;
}

void detach_directory(Engine& engine, const NodePtr& dir, BranchIndex branch, const SharedFd& pinned) {
  {
    const std::lock_guard guard(dir->dir->layers_mutex);
    dir->dir->layers.assign(1, DirLayer{branch, pinned, true});
  }
  dir->dir->removed = true;
  dir->dir->index.reset();
  engine.lookup_cache.dropped(*dir);
}

namespace {

// Another thread may copy the name up into another branch before the directory is locked: EAGAIN, and it is tried again.
Status check_branch(Engine& engine, const NodePtr& parent, const NameEntry& entry, BranchIndex branch) {
  AUFS_TRY(const BranchIndex now, branch_for_change(engine, parent, entry.top));
  return now == branch ? ok() : Status(Error{EAGAIN, "remove"});
}

// Every system call here is made once for each file of a tree that is deleted: what is known is not asked again.
Status try_unlink(Engine& engine, const NodePtr& parent, const std::string& name) {
  AUFS_TRY(const NameEntry seen, visible_entry(engine, parent, name));
  if (seen.type == DT_DIR) return Error{EISDIR, "unlink"};
  AUFS_TRY(const BranchIndex branch, branch_for_change(engine, parent, seen.top));
  if (!has_layer(*parent, branch)) {
    AUFS_CHECK(check_flags(engine, parent, name));  // before anything is copied up
    AUFS_CHECK(copy_up_directory(engine, parent, branch));
  }
  const std::lock_guard guard(parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  const NameEntry* const found = index->find(name);
  if (found == nullptr || !found->visible()) return Error{ENOENT, "unlink"};
  if (found->type == DT_DIR) return Error{EISDIR, "unlink"};
  AUFS_CHECK(check_branch(engine, parent, *found, branch));
  const Removal removal = removal_of(*index, name, *found, branch);
  // Where no whiteout is made, the file system of the branch finds out itself.
  if (removal.hides || top_branch(*parent) != branch) AUFS_CHECK(check_directory_flags(engine, parent));
  AUFS_TRY(const SharedFd dir, dir_fd(engine, parent, branch));
  AUFS_TRY(const NodePtr victim, entry_node(engine, parent, name, removal.entry));
  const std::lock_guard state(victim->state);
  struct stat file {};
  AUFS_TRY(const Attr attr, attributes_held(engine, victim, &file));
  AUFS_CHECK(check_flags(engine, *victim, attr));
  AUFS_CHECK(before_name_goes(engine, victim, parent, name));
  AUFS_CHECK(hide_and_remove(engine, dir->get(), name, removal, [&]() -> Status {
    // The group's file may be another one.
    if (victim->grouped) {
      AUFS_TRY(file, sys::stat_at(dir->get(), name.c_str()));
    }
    AUFS_CHECK(sys::unlink(dir->get(), name.c_str()));
    if (file.st_nlink == 1) engine.numbers.forget(engine.branch(branch), file.st_ino);
    return ok();
  }));
  forget_entry(*index, name, removal);
  entries_changed(engine, parent, branch);
  after_name_went(engine, victim, parent, name, removal.entry, attr.st.st_nlink, branch);
  return ok();
}

Status try_rmdir(Engine& engine, const NodePtr& parent, const std::string& name) {
  AUFS_TRY(const NameEntry seen, visible_entry(engine, parent, name));
  if (seen.type != DT_DIR) return Error{ENOTDIR, "rmdir"};
  AUFS_TRY(const BranchIndex branch, branch_for_change(engine, parent, seen.top));
  AUFS_TRY(const Found found, lookup(engine, parent, name));
  const NodePtr& victim = found.node;
  if (!victim->is_dir()) return Error{ENOTDIR, "rmdir"};
  {
    const std::lock_guard inside(victim->dir->lock);
    AUFS_TRY(const bool empty, is_empty(engine, victim));
    if (!empty) return Error{ENOTEMPTY, "rmdir"};
  }
  AUFS_CHECK(copy_up_directory(engine, parent, branch));
  const std::lock_guard guard(parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  const NameEntry* const now = index->find(name);
  if (now == nullptr || !now->visible()) return Error{ENOENT, "rmdir"};
  AUFS_CHECK(check_branch(engine, parent, *now, branch));
  const Removal removal = removal_of(*index, name, *now, branch);
  AUFS_TRY(const NodePtr still, live_node(engine, parent, name, removal.entry));
  if (still != victim) return Error{ENOENT, "rmdir"};
  const std::lock_guard inside(victim->dir->lock);
  AUFS_TRY(const bool empty, is_empty(engine, victim));
  if (!empty) return Error{ENOTEMPTY, "rmdir"};
  AUFS_TRY(const SharedFd dir, dir_fd(engine, parent, branch));
  AUFS_TRY(const SharedFd pinned, dir_fd(engine, victim, removal.entry.top));
  AUFS_CHECK(hide_and_remove(engine, dir->get(), name, removal,
                             [&] { return remove_tree_staged(engine, branch, dir->get(), name.c_str()); }));
  forget_entry(*index, name, removal);
  entries_changed(engine, parent, branch);
  adjust_subdirs(*parent, -1);
  detach_directory(engine, victim, removal.entry.top, pinned);
  return ok();
}

}  // namespace

Status unlink_name(Engine& engine, const NodePtr& parent, const std::string& name) {
  for (;;) {
    const Status done = try_unlink(engine, parent, name);
    if (!failed_with(done, EAGAIN)) return done;
  }
}

Status remove_directory(Engine& engine, const NodePtr& parent, const std::string& name) {
  for (;;) {
    const Status done = try_rmdir(engine, parent, name);
    if (!failed_with(done, EAGAIN)) return done;
  }
}

}  // namespace aufs
