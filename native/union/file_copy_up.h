// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <string>

#include "sys/inode_flags.h"
#include "union/copy_data.h"
#include "union/copy_up.h"
#include "union/partial_copy.h"

namespace aufs {

// The name that a copy shall have.
struct Target {
  NodePtr parent;  // null: no name
  std::string name;
  bool fresh = false;  // the name does not exist yet: link() makes it
};

struct CopyWanted {
  off_t size = kWholeFile;
  bool behind = false;  // large data may be copied later
  Range soon{};         // the bytes that will be written next; a negative begin: at the end
};

// One copy_up of one file that is not a directory into the branch `to`, where the directory of its name exists. The caller holds
// node->copy_up_mutex.
class FileCopyUp {
 public:
  FileCopyUp(Engine& engine, const NodePtr& node, Target target, BranchIndex to)
      : engine_(engine), node_(node), target_(std::move(target)), to_(to) {}

  // If data was left for later, the node has a PartialCopy afterwards, and has not moved.
  Status run(const CopyWanted& wanted);
  // Names what run() left unfinished.
  Status finish(PartialCopy& partial);

  CopyOutcome outcome() const { return outcome_; }
  bool left_behind() const { return left_behind_; }

 private:
  Status copy_regular(const CopyWanted& wanted);
  bool may_be_behind(int source) const;
  Status leave_behind(UniqueFd& source, StagedFile& copy);
  Status copy_special();
  Status publish(StagedFile* copy);
  Status show(const char* name);
  Status check_target(const DirIndex& index);
  Status clear_leftover();
  Result<ino_t> inode(const StagedFile* copy) const;
  Result<bool> keep_group(StagedFile* copy);
  void note_file(DirIndex& index, ino_t ino);
  Status publish_unnamed(StagedFile* copy);
  void move_node(StagedFile* copy, ino_t ino);

  Engine& engine_;
  const NodePtr node_;
  const Target target_;
  const BranchIndex to_;
  Place from_;
  struct stat stat_ {};
  sys::Protection protection_;
  BranchIndex origin_ = kNoBranch;
  SharedFd upper_;
  UniqueFd staging_;
  std::string temporary_;
  CopyOutcome outcome_{CopyMethod::kNone, 0};
  bool left_behind_ = false;
};

}  // namespace aufs
