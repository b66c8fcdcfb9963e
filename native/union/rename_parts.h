// SPDX-License-Identifier: MIT
#pragma once

#include "union/rename.h"

// What renames of files and of directories have in common.
namespace aufs {

// Locks one or two directories in the order that node.h wants.
class LockTwo {
 public:
  LockTwo(Engine& engine, const NodePtr& a, const NodePtr& b);
  ~LockTwo();
  LockTwo(const LockTwo&) = delete;
  LockTwo& operator=(const LockTwo&) = delete;

 private:
  std::unique_lock<std::mutex> rename_;
  std::unique_lock<std::shared_mutex> first_;
  std::unique_lock<std::shared_mutex> second_;
};

// True if `above` is `node` or one of the directories over it.
bool is_same_or_above(const NodePtr& above, const NodePtr& node);

// A whiteout prepared under a temporary name, so that the step after the rename needs no new inode and no space.
class StagedWhiteout {
 public:
  static Result<StagedWhiteout> create(Engine& engine, BranchIndex branch);
  StagedWhiteout(StagedWhiteout&& other) noexcept = default;
  StagedWhiteout& operator=(StagedWhiteout&&) = delete;
  ~StagedWhiteout();
  // Hides `name` in `dir`.
  Status place(int dir, const std::string& name);

 private:
  StagedWhiteout(UniqueFd staging, std::string name) : staging_(std::move(staging)), name_(std::move(name)) {}
  UniqueFd staging_;
  std::string name_;
};

// The state of one name in a directory that nobody else changes.
struct NamedEntry {
  NodePtr dir;
  std::string name;
  BranchIndex branch = kNoBranch;  // in which the rename happens
  NameEntry entry;                 // as it was, like the following
  bool covers = false;             // something of the name is below the branch
  bool whiteout = false;           // the branch hides the name
  bool hidden_above = false;       // a branch above hides it
  SharedFd fd;                     // of dir in the branch

  const char* leaf() const noexcept { return name.c_str(); }
};
// The caller holds dir->dir->lock, or tree_lock, exclusively.
Result<NamedEntry> named_entry(Engine& engine, const NodePtr& dir, const std::string& name,
                               BranchIndex branch);

// The index says: the name is gone, hidden if something is below. `changes_directory` is false where note_here() of the same directory
// follows.
void note_gone(Engine& engine, const NamedEntry& at, bool changes_directory = true);
// The index says: the name shows an inode of the branch.
void note_here(Engine& engine, const NamedEntry& at, std::uint64_t ino, unsigned char type);

}  // namespace aufs
