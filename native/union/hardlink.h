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
// Thread-safe; the mutex is a leaf; system calls on that one directory are made under it
class HardLinks {
 public:
  struct Group {
    std::string file;  // name in the directory
    long left = 0;     // names that exist below only
  };

  // Reads what earlier mounts left. `upper` may lack the directory. `number` gives the union's number of a lower inode;
  // `keep` is told that the inode of `upper` given first is the copy of the file with the number given second.
  Status load(const std::vector<Branch>& branches, const Branch& upper,
              const std::function<std::uint64_t(const Branch&, ino_t)>& number,
              const std::function<void(ino_t, std::uint64_t)>& keep);

  // The group of the lower inode with number `ino` of the union, if there is one.
  std::optional<Group> find(std::uint64_t ino) const;
  bool empty() const;

  // Makes a group: links the open file `copy` into the directory of `upper`. `lower` are the attributes of the original,
  // `left` how many of its names are still below.
  Status add(const Branch& origin, const Branch& upper, std::uint64_t ino, const struct stat& lower,
             long left, int copy);
  // One of the names below got covered (linked above, or hidden). Works for numbers without a group as well: then the
  // count is remembered for count_gone().
  void name_covered(std::uint64_t ino);
  // How many names below of a lower inode without a group were hidden since the mount.
  long count_gone(std::uint64_t ino) const;
  // Drops the group and its extra link.
  void remove(std::uint64_t ino);
  // All groups, for flushing.
  std::unordered_map<std::uint64_t, Group> all() const;

  // The directory of pseudo-links, O_PATH; -1 if there is none yet.
  int directory() const;

 private:
  Status open_directory(const Branch& upper);

  mutable std::mutex mutex_;
  UniqueFd dir_;  // guarded by mutex_, as what follows
  std::unordered_map<std::uint64_t, Group> groups_;
  std::unordered_map<std::uint64_t, long> gone_;
};

}  // namespace aufs
