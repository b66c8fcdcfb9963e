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

Result<StagedWhiteout> StagedWhiteout::create(Engine& engine) {
  AUFS_TRY(UniqueFd staging, staging_directory(engine));
  std::string name = temporary_name(engine);
  AUFS_CHECK(make_whiteout(engine, staging.get(), name));
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

Result<NamedEntry> named_entry(Engine& engine, const NodePtr& dir, const std::string& name) {
  NamedEntry at;
  at.dir = dir;
  at.name = name;
  AUFS_TRY(at.index, ensure_index(engine, dir));
  if (const NameEntry* entry = at.index->find(name)) at.entry = *entry;
  AUFS_TRY(at.fd, upper_fd(engine, dir));
  return at;
}

void note_gone(const NamedEntry& at) {
  if (at.entry.lower == kNoBranch) {
    at.index->erase(at.name);
    return;
  }
  NameEntry& entry = at.index->entry(at.name);
  entry.top = kNoBranch;
  entry.whiteout = true;
  at.index->set_branches(at.name, {});
}

void note_here(Engine& engine, const NamedEntry& at, std::uint64_t ino, unsigned char type) {
  NameEntry& entry = at.index->entry(at.name);
  entry.top = engine.writable;
  entry.ino = ino;
  entry.type = type;
  entry.whiteout = false;
  at.index->set_branches(at.name, {engine.writable});
}

}  // namespace aufs
