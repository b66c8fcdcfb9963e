// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace aufs {

// What may be done to a branch. Source: aufs(5), "Branch Syntax" (rw, ro, rr; attribute wh).
struct BranchPerm {
  bool writable = false;            // rw
  bool whiteouts = false;           // rw, ro+wh, rr+wh: whiteouts found in the branch are honoured
  bool natively_read_only = false;  // rr: the file system itself never changes
};

// Reads "rw", "ro", "rr", "ro+wh", "rr+wh" (attributes that AUFS knows and that mean nothing here, such as "nolwh",
// are accepted). Errors: EINVAL for anything else.
Result<BranchPerm> parse_perm(const std::string& text);
std::string perm_text(const BranchPerm& perm);

struct BranchSpec {
  std::string path;
  BranchPerm perm;
};

// Position in the stack; 0 is topmost.
using BranchIndex = std::int16_t;
inline constexpr BranchIndex kNoBranch = -1;

// An open branch. `root` stays open as long as the union lives; everything below it is reached from this descriptor,
// so that renaming or covering the branch's path changes nothing for a running union.
struct Branch {
  std::string path;  // as given; for messages only
  BranchPerm perm;
  UniqueFd root;       // O_PATH | O_DIRECTORY
  UniqueFd lock;       // flock(LOCK_EX) on a writable branch, held while the union lives
  dev_t dev = 0;       // st_dev of root
  ino_t root_ino = 0;  // st_ino of root
};

// Opens and checks the whole stack: every branch is a directory, none is, contains or lies in another.
// A writable branch is locked; `owns_writable` false leaves it unlocked and read-only.
// Errors: ENOENT/ENOTDIR (a branch is missing), EINVAL (nested or duplicate branches, no branch at all),
// EBUSY (another union writes to that branch), E2BIG (more branches than BranchIndex can number).
// On an error `*culprit`, where not null, is the index of the offending branch.
Result<std::vector<Branch>> open_branches(const std::vector<BranchSpec>& specs, bool read_only, int* culprit);

}  // namespace aufs
