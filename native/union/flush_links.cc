// SPDX-License-Identifier: MIT
#include <dirent.h>

#include "union/copy_up.h"
#include "union/lookup.h"

namespace aufs {
namespace {

// The branch of the copy, if the node is a hard-link group.
BranchIndex group_branch(const NodePtr& node) {
  const std::shared_lock guard(node->state);
  return node->grouped ? node->branch : kNoBranch;
}

Status flush_directory(Engine& engine, const NodePtr& dir) {
  AUFS_TRY(const std::vector<DirEntry> entries, list_directory(engine, dir));
  for (const DirEntry& entry : entries) {
    if (entry.type != DT_DIR && !engine.hard_links.find(entry.ino)) continue;
    AUFS_TRY(const Found found, lookup(engine, dir, entry.name));
    if (found.node->is_dir()) {
      AUFS_CHECK(flush_directory(engine, found.node));
    } else if (const BranchIndex branch = group_branch(found.node); branch != kNoBranch) {
      AUFS_CHECK(copy_up_name(engine, dir, entry.name, branch));
    }
  }
  return ok();
}

}  // namespace

Status flush_hard_links(Engine& engine) {
  bool pending = false;
  for (const auto& [ino, group] : engine.hard_links.all()) pending = pending || group.left > 0;
  return pending ? flush_directory(engine, engine.root) : ok();
}

}  // namespace aufs
