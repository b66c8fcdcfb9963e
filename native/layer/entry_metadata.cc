// SPDX-License-Identifier: MIT
#include "layer/entry_metadata.h"

#include <sys/stat.h>

#include <array>

#include "layer/xattr_rules.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/open_file_attributes.h"
#include "sys/process_control.h"
#include "union/posix_acl.h"

namespace aufs::layer {
namespace {

constexpr const char* kAccessAcl = posix_acl::kAccess.data();
constexpr const char* kDefaultAcl = posix_acl::kDefault.data();
constexpr mode_t kPermissions = 07777;

bool may_be_left_behind(Error error) {
  return error.code == EOPNOTSUPP || error.code == EPERM || error.code == EACCES;
}

Status drop_acl(int dir, const char* name, const char* key) {
  const Status removed = sys::remove_xattr(dir, name, key);
  return removed || may_be_left_behind(removed.error()) || removed.error().code == ENODATA ? ok() : removed;
}

// Asking costs a fraction of a change.
Status set_mode_unless_made_so(int fd, mode_t mode) {
  AUFS_TRY(const struct stat st, sys::stat_fd(fd));
  return (st.st_mode & kPermissions) == mode ? ok() : sys::fchmod(fd, mode);
}

std::array<struct timespec, 2> times_of(const TarEntry& entry) {
  return {entry.atime.value_or(entry.mtime), entry.mtime};
}

}  // namespace

Result<EntryMetadata> EntryMetadata::open(int root, Owner owner) {
  AUFS_TRY(const struct stat st, sys::stat_fd(root));
  EntryMetadata metadata;
  metadata.uid_ = sys::user_id();
  metadata.gid_ = sys::group_id();
  metadata.takes_over_ = owner == Owner::kIfPermitted;
  // A directory of ours in which nothing is inherited: no need to ask for each file whose it is.
  metadata.owner_known_ =
      st.st_uid == metadata.uid_ && st.st_gid == metadata.gid_ && (st.st_mode & S_ISGID) == 0;
  metadata.inherits_acls_ = static_cast<bool>(sys::get_open_xattr(root, kDefaultAcl));
  return metadata;
}

EntryMetadata::Wanted EntryMetadata::wanted(const TarEntry& entry) const noexcept {
  if (!takes_over_ || (entry.uid == uid_ && entry.gid == gid_)) return {entry.uid, entry.gid, entry.mode};
  return {uid_, gid_, entry.mode & ~static_cast<mode_t>(S_ISUID | S_ISGID)};
}

bool EntryMetadata::owned_already(const Wanted& wanted) const noexcept {
  return owner_known_ && wanted.uid == uid_ && wanted.gid == gid_;
}

mode_t EntryMetadata::creation_mode(const TarEntry& entry) const noexcept {
  return wanted(entry).mode & 0777U;
}

// Owner first, for chown(2) clears set-id bits and capabilities; times last, for everything else moves them.
Status EntryMetadata::set_open(int fd, const TarEntry& entry) {
  const Wanted want = wanted(entry);
  const bool owned = owned_already(want);
  if (!owned) AUFS_CHECK(sys::fchown(fd, want.uid, want.gid));
  if (inherits_acls_) {
    AUFS_CHECK(drop_acl(fd, "", kAccessAcl));
    if (entry.type == EntryType::kDirectory) AUFS_CHECK(drop_acl(fd, "", kDefaultAcl));
  }
  if (owned && !inherits_acls_) AUFS_CHECK(set_mode_unless_made_so(fd, want.mode));
  else AUFS_CHECK(sys::fchmod(fd, want.mode));
  AUFS_CHECK(set_xattrs(
      entry, [&](const char* key, const std::string& value) { return sys::set_open_xattr(fd, key, value); }));
  return sys::futimens(fd, times_of(entry).data());
}

Status EntryMetadata::set_named(int dir, const char* name, const TarEntry& entry) {
  const Wanted want = wanted(entry);
  if (!owned_already(want)) AUFS_CHECK(sys::chown_at(dir, name, want.uid, want.gid));
  if (entry.type != EntryType::kSymlink) {
    if (inherits_acls_) AUFS_CHECK(drop_acl(dir, name, kAccessAcl));
    AUFS_CHECK(sys::chmod_at(dir, name, want.mode));
  }
  AUFS_CHECK(set_xattrs(entry, [&](const char* key, const std::string& value) {
    return sys::set_xattr(dir, name, key, value, 0);
  }));
  return sys::utimens_at(dir, name, times_of(entry).data());
}

template <typename Set>
Status EntryMetadata::set_xattrs(const TarEntry& entry, Set&& set) {
  for (const auto& [key, value] : entry.xattrs) {
    if (xattr::is_private(key)) continue;
    Status done = set(key.c_str(), value);
    if (done) continue;
    // In a user namespace of few users the archive's may be nobody.
    if (takes_over_ && failed_with(done, EINVAL) && posix_acl::is_key(key)) {
      done = set(key.c_str(), posix_acl::without(value, posix_acl::Named::kAll));
    }
    if (!done && !may_be_left_behind(done.error())) return done;
    ++left_behind_;
  }
  return ok();
}

}  // namespace aufs::layer
