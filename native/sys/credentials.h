// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <vector>

#include "base/result.h"

namespace aufs::sys {

// While it lives, the kernel checks the file accesses of the calling thread, and of no other, as those of somebody else.
// What this process has no right to change of itself stays as it is. Source: setfsuid(2), credentials(7).
class ActAs {
 public:
  ActAs(uid_t uid, gid_t gid, const std::vector<gid_t>& groups);
  ~ActAs();
  ActAs(const ActAs&) = delete;
  ActAs& operator=(const ActAs&) = delete;

 private:
  // In the order in which they are given up: the last takes the capabilities for files with it.
  std::vector<gid_t> own_groups_;
  gid_t own_gid_;
  uid_t own_uid_;
};

// access(2) of an open file, which may be O_PATH, with the ids that count for file accesses. Errors: EACCES; ENOSYS before Linux 5.8.
Status access_fd(int fd, int mode);

}  // namespace aufs::sys
