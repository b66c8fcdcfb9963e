// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// Gives the inode at `to` what the one at `from` has beside its data: owner, mode, extended attributes (ACLs and file
// capabilities among them), times in nanoseconds. Extended attributes that the target's file system cannot keep are
// left behind, and in a user namespace entries of ACLs that name somebody who has no number in it. `stat` is that of `from`.
// Order: owner first, for chown clears set-id bits and capabilities; times last, for everything else moves them.
Status copy_metadata(const Place& from, const struct stat& stat, const Place& to);
// The same where the owner and mode that the inode at `to` was made with are known.
Status copy_metadata(const Place& from, const struct stat& stat, const Place& to, const struct stat& made);

// Keeps a directory's times over a change that nobody asked for (the copy_up of something in it).
class KeepTimes {
 public:
  explicit KeepTimes(int dir);
  KeepTimes(const KeepTimes&) = delete;
  KeepTimes& operator=(const KeepTimes&) = delete;
  ~KeepTimes();

 private:
  int dir_;
  bool known_ = false;
  struct timespec times_[2];
};

}  // namespace aufs
