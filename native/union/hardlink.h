// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "base/result.h"
#include "base/unique_fd.h"
#include "union/branch.h"

namespace aufs {

// Hard links of a lower file stay one file after the copy_up of any of its names (decision 11; AUFS: pseudo-links).
//
// The copy has, beside the names that were made in the writable branch, one more link in the branch's
// `.wh..wh.plnk/` directory, whose name says which lower inode it stands for. A look-up that ends at that lower inode is
// sent to the copy. The name is ROOT.INO.MTIME.SIZE.LEFT in hexadecimal: inode number of the lower branch's root,
// inode number, time (ns) and size of the lower file, which make a mix-up with another file impossible in practice when a layer was moved,
// and how many names of the file exist only below: st_nlink of the union is links above + LEFT - 1.
// Files in that directory with other names (AUFS's own) are left alone.
//
// Thread-safe; the mutex is a leaf; system calls on these directories are made under it.
class HardLinks {
 public:
  struct Group {
    BranchIndex branch = kNoBranch;  // that the copy is in
    SharedFd directory;              // of pseudo-links in that branch, O_PATH
    std::string file;                // name in the directory
    long left = 0;                   // names that exist below only
  };

  // What load() needs of the inode numbers.
  struct Numbering {
    std::function<std::uint64_t(const Branch&, ino_t)> number;      // the union's number of an inode
    std::function<void(const Branch&, ino_t, std::uint64_t)> keep;  // this inode is the copy of that number
  };

  // Reads what earlier mounts left in the branches that keep links, which may lack the directory. What was known before is
  // forgotten. Errors: those of openat(2) and getdents64(2).
  Status load(const std::vector<Branch>& branches, const Numbering& numbering);

  // The group of the lower inode with number `ino` of the union, if there is one.
  std::optional<Group> find(std::uint64_t ino) const;
  bool empty() const;

  // Makes a group: links the open file `copy`, which is in branch `at`, into the directory of that branch. `lower` are the attributes of the
  // original in `origin`, `left` how many of its names are still below.
  Status add(const std::vector<Branch>& branches, BranchIndex origin, BranchIndex at, std::uint64_t ino,
             const struct stat& lower, long left, int copy);
  // One of the names below got covered (linked above, or hidden). Works for numbers without a group as well: then the
  // count is remembered for count_gone().
  void name_covered(std::uint64_t ino);
  // How many names below of a lower inode without a group were hidden since the mount.
  long count_gone(std::uint64_t ino) const;
  // Drops the group and its extra link.
  void remove(std::uint64_t ino);
  // All groups, for flushing.
  std::unordered_map<std::uint64_t, Group> all() const;

 private:
  Result<SharedFd> open_directory(const Branch& branch, BranchIndex index);

  mutable std::mutex mutex_;
  std::unordered_map<BranchIndex, SharedFd> directories_;  // guarded by mutex_, as what follows
  std::unordered_map<std::uint64_t, Group> groups_;
  std::unordered_map<std::uint64_t, long> gone_;
};

}  // namespace aufs
