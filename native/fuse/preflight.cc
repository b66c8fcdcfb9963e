// SPDX-License-Identifier: MIT
#include "fuse/preflight.h"

#include <fcntl.h>

#include <cerrno>

#include "sys/file_io.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

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

Failure explain_branch(const std::string& path, Error error, const std::string& how) {
  switch (error.code) {
    case ENOENT:
    case ENOTDIR:
    case ELOOP: return branch_missing(path, error.code);
    case EINVAL: return overlap(path, how.empty() ? "is, contains or lies in another branch" : how);
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
  const Result<struct stat> st = sys::stat_at(AT_FDCWD, real->c_str());
  if (!st) return failed(st.error().code, reason_of(st.error().code));
  if (!S_ISDIR(st->st_mode))
    return failed(ENOTDIR, reason_of(ENOTDIR) + "; a mountpoint must be a directory");
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

Outcome<std::unique_ptr<UnionFs>> open_union(const Options& options, const std::string& target,
                                             std::function<void(const CopyUpEvent&)> on_copy_up) {
  UnionOptions union_options;
  union_options.read_only = options.read_only;
  union_options.apart = target;
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
  Refusal refusal;
  Result<std::unique_ptr<UnionFs>> opened =
      UnionFs::open(options.branches, std::move(union_options), &refusal);
  const bool known =
      refusal.branch >= 0 && static_cast<std::size_t>(refusal.branch) < options.branches.size();
  if (!opened)
    return explain_branch(known ? options.branches[static_cast<std::size_t>(refusal.branch)].path : "",
                          opened.error(), refusal.overlap);
  return *std::move(opened);
}

}  // namespace aufs::fuse
