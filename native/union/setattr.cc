// SPDX-License-Identifier: MIT
#include "union/setattr.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <functional>

#include "sys/attributes.h"
#include "sys/file_io.h"
#include "union/copy_up.h"
#include "union/inode_flags.h"
#include "union/open_file.h"
#include "union/partial_copy.h"

namespace aufs {
namespace {

// The caller holds node->state.
Status set_size(Engine& engine, const NodePtr& node, off_t size) {
  const SharedFd& open = node->rare().backing.write;
  if (open && engine.is_writable(node->branch)) return sys::truncate(open->get(), size);
  AUFS_TRY(const Place place, locate(engine, node));
  AUFS_TRY(const UniqueFd fd, place.name.empty()
                                  ? sys::reopen(place.fd, O_WRONLY)
                                  : sys::open_at(place.fd, place.leaf(), O_WRONLY | O_NOFOLLOW | O_NONBLOCK));
  return sys::truncate(fd.get(), size);
}

Status set_owner(const Place& place, const SetAttr& change) {
  if (!change.uid && !change.gid) return ok();
  constexpr auto kKeep = static_cast<uid_t>(-1);
  return sys::chown_at(place.fd, place.leaf(), change.uid.value_or(kKeep), change.gid.value_or(kKeep));
}

Status set_times(const Place& place, const SetAttr& change) {
  if (!change.atime && !change.mtime) return ok();
  constexpr struct timespec kKeep { 0, UTIME_OMIT };
  const struct timespec times[2] = {change.atime.value_or(kKeep), change.mtime.value_or(kKeep)};
  return sys::utimens_at(place.fd, place.leaf(), times);
}

bool is_now(const std::optional<struct timespec>& time) {
  return time && time->tv_nsec == UTIME_NOW;
}

// What touch(1) asks for without a time.
bool adds_only(const SetAttr& change) {
  return is_now(change.atime) && is_now(change.mtime) && !change.size && !change.mode && !change.uid &&
         !change.gid;
}

// To copy what is missing is to write, which takes set-id bits and capabilities away: a file with such is not copied behind.
bool gives_privileges(const SetAttr& change) {
  return change.mode && (*change.mode & (S_ISUID | S_ISGID)) != 0;
}

bool gives_privileges(const std::string& xattr) {
  return xattr == "security.capability";
}

// The copy that is being made behind, from now on perhaps, and takes the change; null: the file is in its branch.
Result<PartialCopyPtr> begin_change(Engine& engine, const NodePtr& node, bool behind) {
  if (!behind) {
    AUFS_CHECK(copy_up(engine, node));
    return PartialCopyPtr();
  }
  PartialCopyPtr partial = partial_of(*node);
  if (partial && !partial->failed) return partial;
  AUFS_CHECK(begin_copy_up(engine, node));
  return partial_of(*node);
}

// Makes a change of attributes with `work`, which sets the times that `change` names.
Status change_with(Engine& engine, const NodePtr& node, bool behind, const SetAttr& change,
                   const std::function<Status(const Place&)>& work) {
  AUFS_TRY(const PartialCopyPtr partial, begin_change(engine, node, behind));
  if (partial) return partial->change(change, work);
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate(engine, node));
  return work(place);
}

}  // namespace

Status set_attributes(Engine& engine, const NodePtr& node, const SetAttr& change) {
  if (change.size && node->is_dir()) return Error{EISDIR, "truncate"};
  if (change.size && !S_ISREG(node->type)) return Error{EINVAL, "truncate"};
  AUFS_CHECK(check_flags(engine, node, adds_only(change) ? Change::kAddition : Change::kAny));
  if (change.size) {
    AUFS_CHECK(copy_up(engine, node, *change.size));
    const std::shared_lock guard(node->state);
    AUFS_CHECK(set_size(engine, node, *change.size));
  }
  return change_with(engine, node, !gives_privileges(change), change, [&](const Place& place) -> Status {
    AUFS_CHECK(set_owner(place, change));
    if (change.mode) AUFS_CHECK(sys::chmod_at(place.fd, place.leaf(), *change.mode & 07777));
    if (change.kill_set_id && S_ISREG(node->type) && !change.mode) AUFS_CHECK(drop_set_id(place));
    return set_times(place, change);
  });
}

Status set_xattr(Engine& engine, const NodePtr& node, const std::string& name, std::string_view value,
                 int flags) {
  AUFS_CHECK(check_flags(engine, node, Change::kAny));
  return change_with(engine, node, !gives_privileges(name), {}, [&](const Place& place) {
    return sys::set_xattr(place.fd, place.leaf(), name.c_str(), value, flags);
  });
}

Status remove_xattr(Engine& engine, const NodePtr& node, const std::string& name) {
  {
    // Not worth a copy_up if there is nothing to remove.
    const std::shared_lock guard(node->state);
    AUFS_TRY(const Place place, locate_attributes(engine, node));
    const Result<std::string> value = sys::get_xattr(place.fd, place.leaf(), name.c_str());
    if (!value && value.error().code != EACCES && value.error().code != EPERM) return value.error();
  }
  AUFS_CHECK(check_flags(engine, node, Change::kAny));
  return change_with(engine, node, true, {}, [&](const Place& place) {
    return sys::remove_xattr(place.fd, place.leaf(), name.c_str());
  });
}

}  // namespace aufs
