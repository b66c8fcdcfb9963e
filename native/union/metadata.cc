// SPDX-License-Identifier: MIT
#include "union/metadata.h"

#include <cstring>

#include "sys/attributes.h"
#include "sys/file_io.h"
#include "union/posix_acl.h"

namespace aufs {
namespace {

constexpr mode_t kPermissions = 07777;

// The target cannot hold this attribute, or this process may not set it: the copy goes without (as AUFS does).
bool may_be_left_behind(Error error) {
  return error.code == EOPNOTSUPP || error.code == EPERM || error.code == ENODATA;
}

Status set_xattr(const Place& to, const char* key, const std::string& value) {
  const Status set = sys::set_xattr(to.fd, to.leaf(), key, value, 0);
  if (!failed_with(set, EINVAL) || !posix_acl::is_key(key)) return set;
  const std::string mapped = posix_acl::without(value, posix_acl::Named::kUnmapped);
  return mapped == value ? set : sys::set_xattr(to.fd, to.leaf(), key, mapped, 0);
}

Status copy_xattrs(const Place& from, const Place& to) {
  AUFS_TRY(const std::string names, sys::list_xattr(from.fd, from.leaf()));
  for (const char* key = names.data(); key < names.data() + names.size(); key += std::strlen(key) + 1) {
    const Result<std::string> value = sys::get_xattr(from.fd, from.leaf(), key);
    if (!value && may_be_left_behind(value.error())) continue;
    if (!value) return value.error();
    const Status set = set_xattr(to, key, *value);
    if (!set && !may_be_left_behind(set.error())) return set;
  }
  return ok();
}

// A new inode may have got an ACL from a default ACL of its directory, which the original never had. Most have none, and looking costs a
// fraction of removing, which is a transaction also where there is nothing. True if there was one.
Result<bool> drop_inherited_acls(const struct stat& stat, const Place& to) {
  bool had = false;
  if (S_ISLNK(stat.st_mode)) return had;
  for (const std::string_view key : {posix_acl::kAccess, posix_acl::kDefault}) {
    if (!failed_with(sys::get_xattr(to.fd, to.leaf(), key.data()), ENODATA)) {
      const Status removed = sys::remove_xattr(to.fd, to.leaf(), key.data());
      if (!removed && !may_be_left_behind(removed.error()) && removed.error().code != EACCES)
        return removed.error();
      had = true;
    }
    if (!S_ISDIR(stat.st_mode)) break;
  }
  return had;
}

}  // namespace

Status copy_metadata(const Place& from, const struct stat& stat, const Place& to) {
  AUFS_TRY(const struct stat made, sys::stat_at(to.fd, to.leaf()));
  return copy_metadata(from, stat, to, made);
}

Status copy_metadata(const Place& from, const struct stat& stat, const Place& to, const struct stat& made) {
  const bool owned = made.st_uid == stat.st_uid && made.st_gid == stat.st_gid;
  if (!owned) AUFS_CHECK(sys::chown_at(to.fd, to.leaf(), stat.st_uid, stat.st_gid));
  AUFS_TRY(const bool had_acl, drop_inherited_acls(stat, to));
  const bool has_mode = owned && !had_acl && ((made.st_mode ^ stat.st_mode) & kPermissions) == 0;
  if (!S_ISLNK(stat.st_mode) && !has_mode)
    AUFS_CHECK(sys::chmod_at(to.fd, to.leaf(), stat.st_mode & kPermissions));
  AUFS_CHECK(copy_xattrs(from, to));
  const struct timespec times[2] = {stat.st_atim, stat.st_mtim};
  if (to.name.empty()) {  // this way takes two thirds of the time, but no descriptor of O_PATH
    const Status done = sys::futimens(to.fd, times);
    if (!failed_with(done, EBADF)) return done;
  }
  return sys::utimens_at(to.fd, to.leaf(), times);
}

KeepTimes::KeepTimes(int dir) : dir_(dir), times_{} {
  const Result<struct stat> st = sys::stat_at(dir, "");
  if (!st) return;
  times_[0] = st->st_atim;
  times_[1] = st->st_mtim;
  known_ = true;
}

KeepTimes::~KeepTimes() {
  if (known_) (void)sys::utimens_at(dir_, "", times_);
}

}  // namespace aufs
