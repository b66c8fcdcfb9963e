// SPDX-License-Identifier: MIT
#include "union/metadata.h"

#include <cstring>

#include "sys/attributes.h"
#include "sys/file_io.h"

namespace aufs {
namespace {

// The target cannot hold this attribute, or this process may not set it: the copy goes without (as AUFS does).
bool may_be_left_behind(Error error) {
  return error.code == EOPNOTSUPP || error.code == EPERM || error.code == ENODATA;
}

Status copy_xattrs(const Place& from, const Place& to) {
  AUFS_TRY(const std::string names, sys::list_xattr(from.fd, from.leaf()));
  for (const char* key = names.data(); key < names.data() + names.size(); key += std::strlen(key) + 1) {
    const Result<std::string> value = sys::get_xattr(from.fd, from.leaf(), key);
    if (!value && may_be_left_behind(value.error())) continue;
    if (!value) return value.error();
    const Status set = sys::set_xattr(to.fd, to.leaf(), key, *value, 0);
    if (!set && !may_be_left_behind(set.error())) return set;
  }
  return ok();
}

// A new inode may have got an ACL from a default ACL of its directory, which the original never had.
Status drop_inherited_acls(const struct stat& stat, const Place& to) {
  if (S_ISLNK(stat.st_mode)) return ok();
  for (const char* key : {"system.posix_acl_access", "system.posix_acl_default"}) {
    const Status removed = sys::remove_xattr(to.fd, to.leaf(), key);
    if (!removed && !may_be_left_behind(removed.error()) && removed.error().code != EACCES) return removed;
    if (!S_ISDIR(stat.st_mode)) break;
  }
  return ok();
}

Status copy_owner(const struct stat& stat, const Place& to) {
  AUFS_TRY(const struct stat now, sys::stat_at(to.fd, to.leaf()));
  if (now.st_uid == stat.st_uid && now.st_gid == stat.st_gid) return ok();
  return sys::chown_at(to.fd, to.leaf(), stat.st_uid, stat.st_gid);
}

}  // namespace

Status copy_metadata(const Place& from, const struct stat& stat, const Place& to) {
  AUFS_CHECK(copy_owner(stat, to));
  AUFS_CHECK(drop_inherited_acls(stat, to));
  if (!S_ISLNK(stat.st_mode)) AUFS_CHECK(sys::chmod_at(to.fd, to.leaf(), stat.st_mode & 07777));
  AUFS_CHECK(copy_xattrs(from, to));
  const struct timespec times[2] = {stat.st_atim, stat.st_mtim};
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
