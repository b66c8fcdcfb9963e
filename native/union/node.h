// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <vector>

#include "base/unique_fd.h"
#include "union/branch.h"
#include "union/chain_format.h"
#include "union/dir_index.h"
#include "union/name_list.h"
#include "union/small_shared_mutex.h"
#include "union/union_fs.h"

// One inode of the union and its locks.
//
// Lock order, outermost first. A thread takes locks downwards only:
//   1. Engine::tree_lock          shared by everything that uses names; exclusive only while a directory moves.
//                                 Taken once per call, in the façade (union_fs.cc), never inside
//   2. Node::copy_up_mutex        one copy_up per inode; held while data is copied, but for copies behind (partial_copy.h)
//   3. Engine::rename_mutex       whoever locks two unrelated directories
//   4. Directory::lock            ancestors before descendants, otherwise by address (only with 3)
//   5. Node::state                of the file that a name leads to, once: a waiting writer keeps readers out, be they the same thread
//   6. leaves: Directory::layers_mutex, the mutexes inside InodeTable, LookupCache, DirFdCache, InodeNumbers, HardLinks,
//      BackgroundCopies, PartialCopy.
//      No system call but open and close is made under a leaf, and no other lock is taken.
namespace aufs {

// A directory of one branch that is part of a directory of the union.
struct DirLayer {
  BranchIndex branch;
  SharedFd fd;        // O_PATH; null until needed, dropped again by DirFdCache
  bool used = false;  // since DirFdCache looked last
};

// When a directory of one branch last changed, as of reading it.
struct Stamp {
  BranchIndex branch;
  struct timespec changed;   // st_ctim
  struct timespec modified;  // st_mtim
};

inline constexpr std::uint32_t kNoRecord = chain_format::kNone;

// What only directories have.
struct Directory {
  std::shared_mutex lock;           // guards index, and the names on disk
  std::unique_ptr<DirIndex> index;  // null until the directory was read
  std::vector<Stamp> stamps;        // of the layers that the index was read from
  std::atomic<std::int64_t> looked{
      0};  // when they were compared with the branches, in milliseconds of the clock that stands for it
  std::atomic<std::uint32_t> edits{
      0};  // how often they were found to differ: a branch was changed behind the union
  std::atomic<std::uint32_t> listed{0};  // `edits` when the directory was last opened for listing
  bool stale = false;                    // the index does not tell all any more
  // Which reading of the branches the index is of, and that of the directory above by which this one was found; the latter where
  // branches are changed behind the union only.
  std::uint64_t reading = 0;
  std::uint64_t parent_reading = 0;
  std::uint32_t record =
      kNoRecord;  // number of the directory in the chain index, of as many layers as that has
  BranchIndex opaque = kNoBranch;    // the branch in which the directory is opaque, as far as it was read
  std::atomic<bool> removed{false};  // rmdir'ed or replaced: it takes no names. Set under lock

  std::mutex layers_mutex;       // guards layers
  std::vector<DirLayer> layers;  // topmost first, never empty
  std::atomic<int> subdirs{-1};  // visible subdirectories; -1: not known
};

// The descriptors that all opens of one inode share (decision 6): one for both where the file may be opened so.
struct Backing {
  SharedFd read;
  SharedFd write;
};

// Tells one inode of a branch from a later one of the same number.
struct Birth {
  BranchIndex branch = kNoBranch;
  ino_t ino = 0;
  std::int64_t time = 0;  // in nanoseconds; 0: not known
};

class InodeTable;
class PartialCopy;
using PartialCopyPtr = std::shared_ptr<PartialCopy>;

// What few files have at a time.
struct RareState {
  SharedFd pin;     // the inode itself, once it has no name to be reached by
  Backing backing;  // open while open_count > 0
  // While its data is copied behind: what is written goes there, and it knows size and times. `branch` is still that of the original.
  PartialCopyPtr partial;
  // When the last of its lower names was hidden: what the inode itself, in a read-only branch, cannot tell. Zero: never.
  struct timespec hidden_at {};
  // How many of its names in a writable branch were covered from a branch above: the file there stays as it is.
  long covered = 0;
  unsigned open_count = 0;
  bool unnamed = false;  // made by tmpfile() and not linked yet
  bool lent =
      false;  // while open: the kernel reads or writes the backing file itself, so it must stay what it is

  bool is_needed() const noexcept {
    const bool hidden = hidden_at.tv_sec != 0 || hidden_at.tv_nsec != 0 || covered != 0;
    return pin || partial || hidden || open_count != 0 || unnamed;
  }
};

// Every byte here is there as often as there are files that the kernel knows.
class Node {
 public:
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  bool is_dir() const noexcept { return dir != nullptr; }

  const std::uint64_t ino;         // st_ino, constant for life
  std::uint64_t front_number = 0;  // see UnionFs::number_of_front()

  SmallSharedMutex copy_up_mutex;  // nobody shares it
  // Guards what follows, but for dir; held (shared) while the backing file is used by name. Names of a directory change under an
  // exclusive tree_lock only, so that whoever shares that may read them without.
  mutable SmallSharedMutex state;

  const mode_t type;               // S_IFMT bits, constant for life
  BranchIndex branch = kNoBranch;  // where the data is; for a directory see Directory::layers
  bool grouped = false;            // a hard-link group: reached through HardLinks, not by its names
  bool gone = false;               // its last link went: nobody will find it again
  ino_t backing_ino = 0;           // st_ino of the data in `branch`
  const chain_format::Entry* record =
      nullptr;     // what the chain index says of it, as long as it is there; null: nothing
  Birth birth;     // of what a name led to when that was last another inode of the branches
  NameList names;  // the known ones that exist in `branch`, or, when `grouped`, all known

  // To look at: as of a file that has nothing of that, for one that has none.
  const RareState& rare() const noexcept { return rare_ ? *rare_ : kNothingRare; }
  // To change. Whoever takes something away calls tidy() afterwards.
  RareState& change_rare() {
    if (!rare_) rare_ = std::make_unique<RareState>();
    return *rare_;
  }
  void tidy() noexcept {
    if (rare_ && !rare_->is_needed()) rare_.reset();
  }
  void unpin() noexcept {
    if (!rare_) return;
    rare_->pin.reset();
    tidy();
  }

  std::unique_ptr<Directory> dir;  // directories only; has locks of its own

 private:
  friend class InodeTable;
  friend class NodePtr;
  friend class WeakNodePtr;
  static inline const RareState kNothingRare{};

  Node(InodeTable& table, std::uint64_t inode_number, mode_t file_type)
      : ino(inode_number), type(file_type & S_IFMT), table_(table) {
    if (S_ISDIR(type)) dir = std::make_unique<Directory>();
  }
  ~Node() = default;
  void end() noexcept;
  void stop_watching() noexcept;

  std::unique_ptr<RareState> rare_;
  InodeTable& table_;
  std::atomic<std::uint32_t> held_{1};     // NodePtr that there are
  std::atomic<std::uint32_t> watched_{1};  // WeakNodePtr that there are, and one for all that hold it
};

class OpenFile {
 public:
  OpenFile(NodePtr opened, int open_flags) : node(std::move(opened)), flags(open_flags) {}
  ~OpenFile();
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;

  const NodePtr node;
  const int flags;
};

}  // namespace aufs
