// SPDX-License-Identifier: MIT
#include "union/rename_parts.h"

#include <fcntl.h>

#include "sys/names.h"
#include "union/dir_merge.h"
#include "union/staging.h"
#include "union/whiteout.h"

namespace aufs {

bool is_same_or_above(const NodePtr& above, const NodePtr& node) {
  for (NodePtr at = node;;) {
    if (at == above) return true;
    const std::shared_lock guard(at->state);
    if (at->names.empty()) return false;
    NodePtr parent = at->names.front().parent;
    at = std::move(parent);
  }
}

LockTwo::LockTwo(Engine& engine, const NodePtr& a, const NodePtr& b) {
  if (a == b) {
    first_ = std::unique_lock(a->dir->lock);
    return;
  }
  rename_ = std::unique_lock(engine.rename_mutex);
  const bool a_first = is_same_or_above(a, b) || (!is_same_or_above(b, a) && a.get() < b.get());
  first_ = std::unique_lock((a_first ? a : b)->dir->lock);
  second_ = std::unique_lock((a_first ? b : a)->dir->lock);
}

LockTwo::~LockTwo() = default;

Result<StagedWhiteout> StagedWhiteout::create(Engine& engine, BranchIndex branch) {
  AUFS_TRY(UniqueFd staging, staging_directory(engine, branch));
  std::string name = temporary_name(engine);
  AUFS_CHECK(make_whiteout(engine, branch, staging.get(), name));
  return StagedWhiteout(std::move(staging), std::move(name));
}

StagedWhiteout::~StagedWhiteout() {
  if (staging_) (void)remove_whiteout(staging_.get(), name_);
}

Status StagedWhiteout::place(int dir, const std::string& name) {
  AUFS_CHECK(sys::rename(staging_.get(), whiteout::name_for(name_).c_str(), dir,
                         whiteout::name_for(name).c_str(), 0));
  // rename(2) of two links of one inode does nothing: then the whiteout was there already, and the destructor cleans up.
  return ok();
}

Result<NamedEntry> named_entry(Engine& engine, const NodePtr& dir, const std::string& name,
                               BranchIndex branch) {
  NamedEntry at;
  at.dir = dir;
  at.name = name;
  at.branch = branch;
  AUFS_TRY(const DirIndex* const index, ensure_index(engine, dir));
  if (const NameEntry* entry = index->find(name)) at.entry = *entry;
  at.covers = index->below(name, branch) != kNoBranch;
  at.whiteout = index->has_whiteout(name, branch);
  at.hidden_above = index->above(name, branch) != kNoBranch;
  AUFS_TRY(at.fd, dir_fd(engine, dir, branch));
  return at;
}

void note_gone(Engine& engine, const NamedEntry& at, bool changes_directory) {
  DirIndex* const index = at.dir->dir->index.get();
  if (index == nullptr) return;
  if (at.covers) index->put(at.name, {at.branch, true, 0, 0});
  else index->take(at.name, at.branch);
  if (changes_directory) entries_changed(engine, at.dir, at.branch);
}

void note_here(Engine& engine, const NamedEntry& at, std::uint64_t ino, unsigned char type) {
  DirIndex* const index = at.dir->dir->index.get();
  if (index == nullptr) return;
  index->put(at.name, {at.branch, false, type, ino});
  entries_changed(engine, at.dir, at.branch);
}

}  // namespace aufs
