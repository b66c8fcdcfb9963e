// SPDX-License-Identifier: MIT
#include "fuse/preflight.h"

#include <algorithm>
#include <cerrno>

#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

bool same(const sys::Identity& a, const sys::Identity& b) noexcept {
  return a.device == b.device && a.inode == b.inode;
}

// `path` is a real path. True if `other` is it or one of the directories above it.
bool lies_in(std::string path, const sys::Identity& other) {
  for (;;) {
    const Result<sys::Identity> here = sys::identity_of(path.empty() ? "/" : path);
    if (here && same(*here, other)) return true;
    if (path.empty() || path == "/") return false;
    path.resize(path.rfind('/'));
  }
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

MaybeFailure check_branch(const std::string& path, const std::string& target) {
  const Result<sys::Identity> target_identity = sys::identity_of(target);
  if (!target_identity)
    return Failure{"ERR_MOUNTPOINT", target_identity.error().code, "cannot look at '" + target + "'", target};
  const Result<std::string> real = sys::real_path(path);
  if (!real) return branch_missing(path, real.error().code);
  const Result<sys::Identity> identity = sys::identity_of(*real);
  if (!identity) return branch_missing(path, identity.error().code);
  if (!identity->directory) return branch_missing(path, ENOTDIR);
  if (lies_in(target, *identity)) return overlap(path, "contains the mountpoint '" + target + "'");
  if (lies_in(*real, *target_identity)) return overlap(path, "lies in the mountpoint '" + target + "'");
  return std::nullopt;
}

MaybeFailure check_branches(const Options& options, const std::string& target) {
  for (const BranchSpec& branch : options.branches) {
    if (auto failure = check_branch(branch.path, target)) return failure;
  }
  return std::nullopt;
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
