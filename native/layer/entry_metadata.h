// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "base/result.h"
#include "layer/copy_tree.h"
#include "layer/tar_entry.h"

namespace aufs::layer {

// Gives what an archive makes the owner, mode, attributes and times that it tells.
class EntryMetadata {
 public:
  // `root`: the directory in which everything is made. `owner` as in copy_tree().
  static Result<EntryMetadata> open(int root, Owner owner);

  // What to make a file with, so that set_open() has to change its mode seldom: the umask may take some off, set-id bits come last.
  mode_t creation_mode(const TarEntry& entry) const noexcept;
  // Of an open file or directory.
  Status set_open(int fd, const TarEntry& entry);
  // Of what has no descriptor: a symlink, device or FIFO.
  Status set_named(int dir, const char* name, const TarEntry& entry);

  // Attributes that the file system or this process could not set.
  std::uint64_t left_behind() const noexcept { return left_behind_; }
  bool takes_over() const noexcept { return takes_over_; }

 private:
  EntryMetadata() = default;
  struct Wanted {
    uid_t uid;
    gid_t gid;
    mode_t mode;
  };
  Wanted wanted(const TarEntry& entry) const noexcept;
  bool owned_already(const Wanted& wanted) const noexcept;
  template <typename Set>
  Status set_xattrs(const TarEntry& entry, Set&& set);

  bool takes_over_ = false;   // everything belongs to this process
  bool owner_known_ = false;  // what this process makes here belongs to uid_ and gid_
  bool inherits_acls_ = false;
  uid_t uid_ = 0;
  gid_t gid_ = 0;
  std::uint64_t left_behind_ = 0;
};

}  // namespace aufs::layer
