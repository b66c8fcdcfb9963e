// SPDX-License-Identifier: MIT
#include "union/branch.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cctype>
#include <limits>
#include <string_view>

#include "sys/file_io.h"
#include "sys/write_order.h"
#include "union/branch_overlap.h"

namespace aufs {
namespace {

constexpr std::size_t kMaxBranches = std::numeric_limits<BranchIndex>::max();

Result<Branch> open_branch(const BranchSpec& spec, bool read_only) {
  Branch branch;
  branch.path = spec.path;
  branch.perm = spec.perm;
  branch.keeps_links = spec.perm.writable;
  if (read_only) branch.perm.writable = false;
  AUFS_TRY(branch.root, sys::open_at(AT_FDCWD, spec.path.c_str(), O_PATH | O_DIRECTORY));
  AUFS_TRY(const struct stat st, sys::stat_fd(branch.root.get()));
  branch.dev = st.st_dev;
  branch.root_ino = st.st_ino;
  return branch;
}

// EINVAL if one branch is, or lies in, another.
Status check_overlap(const std::vector<int>& roots, int* culprit) {
  AUFS_TRY(const std::optional<Overlap> found, find_overlap(roots));
  if (!found) return ok();
  if (culprit != nullptr) *culprit = static_cast<int>(std::max(found->inner, found->outer));
  return Error{EINVAL, "branch_overlap"};
}

std::vector<int> roots_of(const std::vector<Branch>& branches) {
  std::vector<int> roots;
  roots.reserve(branches.size() + 1);
  for (const Branch& branch : branches) roots.push_back(branch.root.get());
  return roots;
}

// What stands before the next "+", which is taken off `text` too.
std::string_view take_word(std::string_view& text) {
  const std::size_t plus = text.find('+');
  const std::string_view word = text.substr(0, plus);
  text.remove_prefix(plus == std::string_view::npos ? text.size() : plus + 1);
  return word;
}

Status add_attribute(BranchPerm& perm, std::string_view word) {
  if (word == "wh") {
    perm.whiteouts = true;
    return ok();
  }
  if (word == "nowh" || word == "unpin") return ok();
  if (word == "nolwh") {
    perm.link_whiteouts = false;
  } else if (word == "coo_reg") {
    perm.copy_on_open = CopyOnOpen::kRegularFiles;
  } else if (word == "coo_all") {
    perm.copy_on_open = CopyOnOpen::kAll;
  } else if (word != "moo" && word != "fhsm" && word.rfind("icex", 0) != 0) {
    return Error{EINVAL, "branch_permission"};
  }
  perm.more.append("+").append(word);
  return ok();
}

}  // namespace

Result<BranchPerm> parse_perm(const std::string& text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  std::string_view rest(lower);
  const std::string_view base = take_word(rest);
  BranchPerm perm;
  if (base == "rw") {
    perm.writable = perm.whiteouts = true;
  } else if (base == "rr") {
    perm.natively_read_only = true;
  } else if (base != "ro" && !lower.empty()) {
    return Error{EINVAL, "branch_permission"};
  }
  while (!rest.empty()) AUFS_CHECK(add_attribute(perm, take_word(rest)));
  return perm;
}

std::string perm_text(const BranchPerm& perm) {
  std::string text = perm.writable ? "rw" : perm.natively_read_only ? "rr" : "ro";
  if (perm.whiteouts && !perm.writable) text += "+wh";
  return text += perm.more;
}

Status lock_writable(Branch& branch) {
  // A second union on the same writable branch would answer from a cache that the first one makes wrong.
  Result<UniqueFd> fd = sys::open_at(branch.root.get(), ".", O_RDONLY | O_DIRECTORY);
  if (!fd) return fd.error();
  const Status locked = sys::lock_exclusive(fd->get());
  if (failed_with(locked, EWOULDBLOCK)) return Error{EBUSY, "flock"};
  // A file system without flock(2) cannot be guarded; that is no reason to refuse it.
  branch.keeps_order = sys::keeps_order(fd->get());
  branch.lock = *std::move(fd);
  return ok();
}

Result<Branch> open_one_more(const std::vector<Branch>& stack, const BranchSpec& spec, bool read_only) {
  if (stack.size() >= kMaxBranches) return Error{E2BIG, "branch_open"};
  AUFS_TRY(Branch branch, open_branch(spec, read_only));
  std::vector<int> roots = roots_of(stack);
  roots.push_back(branch.root.get());
  AUFS_CHECK(check_overlap(roots, nullptr));
  if (branch.perm.writable) AUFS_CHECK(lock_writable(branch));
  return branch;
}

Result<std::vector<Branch>> open_branches(const std::vector<BranchSpec>& specs, bool read_only,
                                          int* culprit) {
  if (culprit != nullptr) *culprit = -1;
  if (specs.empty()) return Error{EINVAL, "branch_open"};
  if (specs.size() > kMaxBranches) return Error{E2BIG, "branch_open"};
  std::vector<Branch> branches;
  for (const BranchSpec& spec : specs) {
    if (culprit != nullptr) *culprit = static_cast<int>(branches.size());
    AUFS_TRY(Branch branch, open_branch(spec, read_only));
    branches.push_back(std::move(branch));
  }
  if (culprit != nullptr) *culprit = -1;
  AUFS_CHECK(check_overlap(roots_of(branches), culprit));
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (!branches[i].perm.writable) continue;
    if (const Status locked = lock_writable(branches[i]); !locked) {
      if (culprit != nullptr) *culprit = static_cast<int>(i);
      return locked.error();
    }
  }
  return branches;
}

}  // namespace aufs
