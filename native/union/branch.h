// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace aufs {

// Which files of a branch are copied up when they are opened, even for reading (AUFS: coo_reg, coo_all).
enum class CopyOnOpen : std::uint8_t { kNone, kRegularFiles, kAll };

// What may be done to a branch. Source: aufs(5), "Branch Syntax".
struct BranchPerm {
  bool writable = false;            // rw
  bool whiteouts = false;           // rw, ro+wh, rr+wh: whiteouts found in the branch are honoured
  bool natively_read_only = false;  // rr: the file system itself never changes
  bool link_whiteouts = true;       // false: nolwh, every whiteout is a file of its own
  CopyOnOpen copy_on_open = CopyOnOpen::kNone;
  std::string more;  // attributes as AUFS shows them, each with its "+", beside wh
};

// Reads "rw", "ro", "rr" (in any case) with AUFS's attributes: "ro+wh", "rw+nolwh", "ro+wh+coo_reg" … Those that mean nothing
// here ("moo", "fhsm", "icex…": attributes that a branch cannot keep are always left behind) are accepted and shown. An
// empty text is "ro". Errors: EINVAL for anything else.
Result<BranchPerm> parse_perm(const std::string& text);
std::string perm_text(const BranchPerm& perm);

using SharedFd = std::shared_ptr<const UniqueFd>;

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
  UniqueFd root;  // O_PATH | O_DIRECTORY
  UniqueFd lock;  // flock(LOCK_EX) on a writable branch, held while the union lives
  bool keeps_links =
      false;  // its hard-link groups count (hardlink.h): writable, or would be but for a read-only union
  bool keeps_order = false;  // sys::keeps_order(); writable branches only
  dev_t dev = 0;             // st_dev of root
  ino_t root_ino = 0;        // st_ino of root
};

// What was wrong with a stack, beside the error.
struct Refusal {
  int branch = -1;      // index of the offending branch; -1: it is none of them
  std::string overlap;  // after EINVAL, in words: "lies in branch '/a'"
};

// What a stack of branches has to be like.
struct StackRules {
  bool read_only = false;  // no branch is written or locked, whatever its permission
  std::string
      apart;  // path of a directory (a mountpoint) that no branch may be, contain or lie in; empty: none
};

// Opens and checks the whole stack: every branch is a directory, none is, contains or lies in another, by whatever names and bind mounts
// they are reached. Writable branches are locked.
// Errors: ENOENT/ENOTDIR (a branch is missing), EINVAL (nested or duplicate branches, no branch at all),
// EBUSY (another union writes to that branch), E2BIG (more branches than BranchIndex can number).
Result<std::vector<Branch>> open_branches(const std::vector<BranchSpec>& specs, const StackRules& rules,
                                          Refusal& refusal);

// Whether the directory may become a branch of a union that is mounted on `apart`. Must not be asked while anything of that union is held: looking at
// its mountpoint, and at a directory in it, asks the union itself. Errors: as open_branches().
Status check_apart(const std::string& path, const std::string& apart, Refusal& refusal);

// Opens and checks one more branch for `stack`, as open_branches() does. Errors: as there; refusal.branch is not set.
Result<Branch> open_one_more(const std::vector<Branch>& stack, const BranchSpec& spec, bool read_only,
                             Refusal& refusal);

// Locks the branch against other unions that would write to it, and asks what its file system promises to who writes. Errors: EBUSY.
Status lock_writable(Branch& branch);

}  // namespace aufs
