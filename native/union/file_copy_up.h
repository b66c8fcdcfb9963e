// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>

#include "sys/inode_flags.h"
#include "union/copy_data.h"
#include "union/copy_up.h"
#include "union/partial_copy.h"
#include "union/staging.h"

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

  // Its parts, for several files at once (CopyUpBatch). Looks at the original.
  Status look();
  // Whether it is a file of one name that can be staged, settled and named apart.
  bool is_plain_file() const;
  off_t size() const { return stat_.st_size; }
  // Makes the copy, without a name.
  Status stage(const CopyWanted& wanted);
  // Afterwards it may have its name.
  Status settle() const;
  // Gives it its name. The caller holds the lock of the directory, whose index this is, puts its times back and notes that it has changed.
  Status publish_in(DirIndex& index);

  // Names what run() left unfinished.
  Status finish(PartialCopy& partial);

  CopyOutcome outcome() const { return outcome_; }
  bool left_behind() const { return left_behind_; }

 private:
  Status name_staged();
  bool may_be_behind(int source) const;
  Status leave_behind(UniqueFd& source, StagedFile& copy);
  Status stage_special();
  Status publish();
  Status show(const char* name);
  Status check_target(const DirIndex& index);
  Status clear_leftover();
  Result<ino_t> inode() const;
  Result<bool> keep_group();
  void note_file(DirIndex& index, ino_t ino);
  Status publish_unnamed();
  void move_node(ino_t ino);

  Engine& engine_;
  const NodePtr node_;
  const Target target_;
  const BranchIndex to_;
  Place from_;
  struct stat stat_ {};
  sys::Protection protection_;
  BranchIndex origin_ = kNoBranch;
  SharedFd upper_;
  std::optional<StagedFile> made_;  // of a regular file
  StagedFile* copy_ = nullptr;      // that, or what was copied behind; null for all but regular files
  UniqueFd staging_;                // where all others are until they have their name
  std::string temporary_;
  CopyOutcome outcome_{CopyMethod::kNone, 0};
  bool left_behind_ = false;
};

}  // namespace aufs
