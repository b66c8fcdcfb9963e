// SPDX-License-Identifier: MIT
#include "fuse/preflight.h"

#include <algorithm>
#include <cerrno>
#include <unordered_map>
#include <unordered_set>

#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

bool same(const sys::Identity& a, const sys::Identity& b) noexcept {
  return a.device == b.device && a.inode == b.inode;
}

Failure branch_missing(const std::string& path, int code) {
  return {"ERR_BRANCH_NOT_FOUND", code,
          "branch '" + path + "' cannot be used" + reason_of(code) +
              "; every branch must be an existing directory",
          path};
}

Failure overlap(const std::string& path, const std::string& how) {
  return {"ERR_BRANCH_OVERLAP", EINVAL, "branch '" + path + "' " + how + "; use separate directories", path};
}

std::string parent_of(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// The branches of a stack by name, against each other and the mountpoint.
class BranchCheck {
 public:
  // `target` is a real path. Errors: those of stat(2).
  static Result<BranchCheck> create(const std::string& target) {
    BranchCheck check(target);
    for (std::string path = target;; path = parent_of(path)) {
      AUFS_TRY(const sys::Identity identity, sys::identity_of(path));
      check.above_.push_back(identity);
      if (path == "/") return check;
    }
  }

  // One branch by itself.
  MaybeFailure note(const std::string& path) {
    const Result<std::string> real = sys::real_path(path);
    if (!real) return branch_missing(path, real.error().code);
    const Result<sys::Identity> identity = sys::identity_of(*real);
    if (!identity) return branch_missing(path, identity.error().code);
    if (!identity->directory) return branch_missing(path, ENOTDIR);
    const bool contains = std::any_of(above_.begin(), above_.end(),
                                      [&](const sys::Identity& above) { return same(above, *identity); });
    if (contains) return overlap(path, "contains the mountpoint '" + target_ + "'");
    const auto [known, is_new] = branches_.emplace(*real, path);
    return is_new ? std::nullopt : MaybeFailure(overlap(path, "is branch '" + known->second + "' as well"));
  }

  // All of them together: what is above each, looked at once however many share it.
  MaybeFailure places() const {
    std::unordered_set<std::string> outside;
    for (const auto& [real, path] : branches_) {
      for (std::string above = real; above != "/";) {
        above = parent_of(above);
        if (!outside.insert(above).second) break;
        if (const auto other = branches_.find(above); other != branches_.end())
          return overlap(path, "lies in branch '" + other->second + "'");
        const Result<sys::Identity> here = sys::identity_of(above);
        if (here && same(*here, above_.front()))
          return overlap(path, "lies in the mountpoint '" + target_ + "'");
      }
    }
    return std::nullopt;
  }

 private:
  explicit BranchCheck(std::string target) : target_(std::move(target)) {}

  const std::string target_;
  std::vector<sys::Identity> above_;                       // the mountpoint, and what is above it
  std::unordered_map<std::string, std::string> branches_;  // as they were given, by real path
};

}  // namespace

Failure explain_branch(const std::string& path, Error error) {
  switch (error.code) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP: return branch_missing(path, error.code);
    case EINVAL: return overlap(path, "is, contains or lies in another branch");
    case EBUSY:
      return {"ERR_BRANCH_BUSY", EBUSY,
              "branch '" + path + "' is being written by another union; unmount that one " +
                  "first, or use this branch as ro+wh",
              path};
    default:
      return {"ERR_BRANCH", error.code,
              "branch '" + path + "' cannot be opened (" + error.syscall + ")" + reason_of(error.code) +
                  "; check its permissions and file system",
              path};
  }
}

Outcome<std::string> check_target(const Options& options) {
  const auto failed = [&](int code, const std::string& why) {
    return Failure{"ERR_MOUNTPOINT", code, "cannot mount on '" + options.target + "'" + why, options.target};
  };
  const Result<std::string> real = sys::real_path(options.target);
  if (!real) return failed(real.error().code, reason_of(real.error().code) + "; create the directory first");
  const Result<sys::Identity> identity = sys::identity_of(*real);
  if (!identity) return failed(identity.error().code, reason_of(identity.error().code));
  if (!identity->directory) return failed(ENOTDIR, reason_of(ENOTDIR) + "; a mountpoint must be a directory");
  if (options.nonempty) return *real;
  const Result<bool> empty = sys::is_empty_directory(*real);
  if (!empty) return failed(empty.error().code, reason_of(empty.error().code));
  if (*empty) return *real;
  return Failure{
      "ERR_MOUNTPOINT_NOT_EMPTY", ENOTEMPTY,
      "mountpoint '" + *real +
          "' is not empty; its entries would be hidden: use an empty directory, or the option nonempty",
      *real};
}

MaybeFailure check_branches(const std::vector<std::string>& paths, const std::string& target) {
  Result<BranchCheck> check = BranchCheck::create(target);
  if (!check) return Failure{"ERR_MOUNTPOINT", check.error().code, "cannot look at '" + target + "'", target};
  for (const std::string& path : paths) {
    if (auto failure = check->note(path)) return failure;
  }
  return check->places();
}

Outcome<std::unique_ptr<UnionFs>> open_union(const Options& options,
                                             std::function<void(const CopyUpEvent&)> on_copy_up) {
  UnionOptions union_options;
  union_options.read_only = options.read_only;
  union_options.dirren = options.dirren;
  union_options.sync_copy_up = !options.is_volatile;
  union_options.background_copy_up = options.background_copy_up;
  union_options.revalidate = options.revalidate;
  union_options.show_whiteouts = options.show_whiteouts;
  union_options.always_opaque = options.always_opaque;
  union_options.create_policy = options.create_policy;
  union_options.copy_up_policy = options.copy_up_policy;
  union_options.chain_index = options.chain_index;
  union_options.on_copy_up = std::move(on_copy_up);
  int culprit = -1;
  Result<std::unique_ptr<UnionFs>> opened =
      UnionFs::open(options.branches, std::move(union_options), &culprit);
  const bool known = culprit >= 0 && static_cast<std::size_t>(culprit) < options.branches.size();
  if (!opened)
    return explain_branch(known ? options.branches[static_cast<std::size_t>(culprit)].path : "",
                          opened.error());
  return *std::move(opened);
}

}  // namespace aufs::fuse
