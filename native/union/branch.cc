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

std::string quoted(const std::string& what, const std::string& path) {
  return std::string(what).append(" '").append(path).append("'");
}

// The directory kept apart has the number behind those of the branches.
Refusal refusal_of(const Overlap& found, const std::vector<const Branch*>& branches,
                   const std::string& apart) {
  const auto is_apart = [&](std::size_t number) { return number == branches.size(); };
  const std::string mountpoint = quoted("the mountpoint", apart);
  if (is_apart(found.inner)) return {static_cast<int>(found.outer), "contains " + mountpoint};
  const int inner = static_cast<int>(found.inner);
  if (is_apart(found.outer)) return {inner, "lies in " + mountpoint};
  const std::string outer = quoted("branch", branches[found.outer]->path);
  return found.same ? Refusal{inner, "is " + outer + " as well"} : Refusal{inner, "lies in " + outer};
}

// EINVAL if one branch is, or lies in, another, or one of `apart` and a branch is or lies in the other.
Status check_overlap(const std::vector<const Branch*>& branches, const std::string& apart, Refusal& refusal) {
  std::vector<int> roots;
  roots.reserve(branches.size() + 1);
  for (const Branch* branch : branches) roots.push_back(branch->root.get());
  UniqueFd mountpoint;
  if (!apart.empty()) {
    AUFS_TRY(mountpoint, sys::open_at(AT_FDCWD, apart.c_str(), O_PATH | O_DIRECTORY));
    roots.push_back(mountpoint.get());
  }
  AUFS_TRY(const std::optional<Overlap> found, find_overlap(roots));
  if (!found) return ok();
  refusal = refusal_of(*found, branches, apart);
  return Error{EINVAL, "branch_overlap"};
}

std::vector<const Branch*> pointers_to(const std::vector<Branch>& branches) {
  std::vector<const Branch*> pointers;
  pointers.reserve(branches.size() + 1);
  for (const Branch& branch : branches) pointers.push_back(&branch);
  return pointers;
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
  branch.lock = *std::move(fd);
  branch.keeps_order = sys::keeps_order(branch.lock.get());
  return ok();
}

Status check_apart(const std::string& path, const std::string& apart, Refusal& refusal) {
  AUFS_TRY(const Branch branch, open_branch({path, {}}, true));
  return check_overlap({&branch}, apart, refusal);
}

Result<Branch> open_one_more(const std::vector<Branch>& stack, const BranchSpec& spec, bool read_only,
                             Refusal& refusal) {
  if (stack.size() >= kMaxBranches) return Error{E2BIG, "branch_open"};
  AUFS_TRY(Branch branch, open_branch(spec, read_only));
  std::vector<const Branch*> all = pointers_to(stack);
  all.push_back(&branch);
  AUFS_CHECK(check_overlap(all, {}, refusal));
  if (branch.perm.writable) AUFS_CHECK(lock_writable(branch));
  return branch;
}

Result<std::vector<Branch>> open_branches(const std::vector<BranchSpec>& specs, const StackRules& rules,
                                          Refusal& refusal) {
  refusal = {};
  if (specs.empty()) return Error{EINVAL, "branch_open"};
  if (specs.size() > kMaxBranches) return Error{E2BIG, "branch_open"};
  std::vector<Branch> branches;
  for (const BranchSpec& spec : specs) {
    refusal.branch = static_cast<int>(branches.size());
    AUFS_TRY(Branch branch, open_branch(spec, rules.read_only));
    branches.push_back(std::move(branch));
  }
  refusal.branch = -1;
  AUFS_CHECK(check_overlap(pointers_to(branches), rules.apart, refusal));
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (!branches[i].perm.writable) continue;
    if (const Status locked = lock_writable(branches[i]); !locked) {
      refusal.branch = static_cast<int>(i);
      return locked.error();
    }
  }
  return branches;
}

}  // namespace aufs
