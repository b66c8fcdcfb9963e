// SPDX-License-Identifier: MIT
#include "union/open_file.h"

#include <fcntl.h>
#include <unistd.h>

#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/inode_flags.h"
#include "union/lookup.h"
#include "union/partial_copy.h"

namespace aufs {
namespace {

bool wants_write(int flags) {
  return (flags & O_ACCMODE) != O_RDONLY;
}
bool wants_read(int flags) {
  return (flags & O_ACCMODE) != O_WRONLY;
}

Result<UniqueFd> open_place(const Place& place, int flags) {
  if (place.name.empty()) return sys::reopen(place.fd, flags);
  return sys::open_at(place.fd, place.leaf(), flags | O_NOFOLLOW | O_NONBLOCK);
}

// An append-only file can be opened for that only.
Result<UniqueFd> open_for_both(const Place& place, bool append) {
  Result<UniqueFd> both = open_place(place, O_RDWR);
  return append && failed_with(both, EPERM) ? open_place(place, O_RDWR | O_APPEND) : std::move(both);
}

// A lower file that is not what the chain index says: the index is not believed any more. The kernel, which has attributes from there,
// looks the name up again and comes back.
Status check_record(Engine& engine, const Node& node, int fd) {
  const chain_format::Entry* const known = record_of(engine, node);
  if (known == nullptr) return ok();
  AUFS_TRY(const struct stat st, sys::stat_fd(fd));
  if (is_unchanged(*known, st)) return ok();
  engine.chain_trust = ChainTrust::kWrong;
  return Error{ESTALE, "open"};
}

// Opens what the node's opens need together. The caller holds node->state exclusively.
Status open_backing(Engine& engine, const NodePtr& node, bool read, bool write, bool append) {
  Backing& backing = node->change_rare().backing;
  const bool above = engine.is_writable(node->branch);
  if ((!read || backing.read) && (!write || !above || backing.write)) return ok();
  AUFS_TRY(const Place place, locate(engine, node));
  if (write && above && !backing.write) {
    Result<UniqueFd> both = open_for_both(place, append);
    if (both) {
      backing.write = share(*std::move(both));
      if (!backing.read) backing.read = backing.write;
    } else if (both.error().code == EACCES && !read) {
      AUFS_TRY(UniqueFd only, open_place(place, O_WRONLY));
      backing.write = share(std::move(only));
    } else {
      return both.error();
    }
  }
  // For a lower file that is opened for writing only, reading is what its copy_up needs.
  if ((read || (write && !above)) && !backing.read) {
    AUFS_TRY(UniqueFd fd, open_for_reading(place, !above));
    AUFS_CHECK(check_record(engine, *node, fd.get()));
    backing.read = share(std::move(fd));
  }
  return ok();
}

// May this process write to a lower file? It will be copied up, and the copy has the same owner and mode.
Status check_write_permission(Engine& engine, const NodePtr& node) {
  if (engine.euid == 0) return ok();
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate_attributes(engine, node));
  if (place.name.empty()) return ok();
  const Status allowed = sys::access(place.fd, place.leaf(), W_OK);
  return failed_with(allowed, EACCES) ? allowed : ok();
}

Status check_open(Engine& engine, const NodePtr& node, int flags) {
  if (node->is_dir()) return Error{EISDIR, "open"};
  if (S_ISLNK(node->type)) return Error{ELOOP, "open"};
  if (!S_ISREG(node->type)) return Error{ENXIO, "open"};
  if (!wants_write(flags) && (flags & O_TRUNC) == 0) return ok();
  const std::shared_lock guard(node->state);
  return engine.writable_from(node->branch) == kNoBranch ? Status(Error{EROFS, "open"}) : ok();
}

// A branch may ask that its files are copied up when they are opened, by whomever (AUFS: coo_reg, coo_all).
Status copy_up_on_open(Engine& engine, const NodePtr& node) {
  {
    const std::shared_lock guard(node->state);
    if (engine.branch(node->branch).perm.copy_on_open == CopyOnOpen::kNone) return ok();
    if (engine.is_final(node->branch)) return ok();
  }
  return copy_up(engine, node);
}

}  // namespace

OpenFile::~OpenFile() {
  Backing last;  // closed after the lock is released
  const std::lock_guard guard(node->state);
  RareState& rare = node->change_rare();
  if (--rare.open_count > 0) return;
  rare.lent = false;
  std::swap(last, rare.backing);
  node->tidy();
}

Result<UniqueFd> open_for_reading(const Place& place, bool keep_atime) {
  if (keep_atime) {
    Result<UniqueFd> quiet = open_place(place, O_RDONLY | O_NOATIME);
    if (!failed_with(quiet, EPERM)) return quiet;  // only the owner may ask for that
  }
  return open_place(place, O_RDONLY);
}

Result<OpenFilePtr> open_node(Engine& engine, const NodePtr& node, int flags) {
  AUFS_CHECK(check_open(engine, node, flags));
  const bool write = wants_write(flags) || (flags & O_TRUNC) != 0;
  if (write) AUFS_CHECK(check_write_permission(engine, node));
  const bool appends = (flags & O_APPEND) != 0 && (flags & O_TRUNC) == 0;
  if (write) AUFS_CHECK(check_flags(engine, node, appends ? Change::kAddition : Change::kAny));
  if ((flags & O_TRUNC) != 0) AUFS_CHECK(copy_up(engine, node, 0));
  else AUFS_CHECK(copy_up_on_open(engine, node));
  OpenFilePtr file;
  {
    const std::lock_guard guard(node->state);
    AUFS_CHECK(open_backing(engine, node, wants_read(flags), write, (flags & O_APPEND) != 0));
    ++node->change_rare().open_count;
  }
  file = std::make_shared<OpenFile>(node, flags);
  if ((flags & O_TRUNC) != 0) {
    AUFS_TRY(const SharedFd fd, writing_fd(engine, node));
    AUFS_CHECK(sys::truncate(fd->get(), 0));
  }
  return file;
}

OpenFilePtr adopt_open(const NodePtr& node, int flags, SharedFd fd) {
  {
    const std::lock_guard guard(node->state);
    RareState& rare = node->change_rare();
    rare.backing.read = rare.backing.write = std::move(fd);
    ++rare.open_count;
  }
  return std::make_shared<OpenFile>(node, flags);
}

Result<SharedFd> reading_fd(const NodePtr& node) {
  const std::shared_lock guard(node->state);
  const SharedFd& fd = node->rare().backing.read;
  return fd ? Result<SharedFd>(fd) : Error{EBADF, "read"};
}

Result<SharedFd> writing_fd(Engine& engine, const NodePtr& node) {
  {
    const std::shared_lock guard(node->state);
    const SharedFd& fd = node->rare().backing.write;
    if (engine.is_writable(node->branch) && fd) return fd;
  }
  AUFS_CHECK(copy_up(engine, node));
  const std::lock_guard guard(node->state);
  AUFS_CHECK(open_backing(engine, node, false, true, true));
  return node->rare().backing.write;
}

Result<WriteTarget> write_target(Engine& engine, const NodePtr& node, Range soon) {
  {
    const std::shared_lock guard(node->state);
    const RareState& rare = node->rare();
    if (rare.partial && !rare.partial->failed) return WriteTarget{nullptr, rare.partial};
    if (engine.is_writable(node->branch) && rare.backing.write)
      return WriteTarget{rare.backing.write, nullptr};
  }
  AUFS_CHECK(begin_copy_up(engine, node, soon));
  const std::lock_guard guard(node->state);
  if (const PartialCopyPtr& partial = node->rare().partial) return WriteTarget{nullptr, partial};
  AUFS_CHECK(open_backing(engine, node, false, true, true));
  return WriteTarget{node->rare().backing.write, nullptr};
}

// With the state's lock held exclusively nobody here opens the file meanwhile (see sys::has_writers).
Result<bool> has_writers(Engine& engine, const NodePtr& node) {
  const std::lock_guard guard(node->state);
  if (!engine.is_writable(node->branch)) return false;
  if (node->rare().backing.write) return true;
  AUFS_TRY(const Place place, locate(engine, node));
  AUFS_TRY(const UniqueFd fd, open_place(place, O_RDONLY));
  return sys::has_writers(fd.get());
}

Result<bool> drop_set_id(const Place& place) {
  AUFS_TRY(const struct stat st, sys::stat_at(place.fd, place.leaf()));
  mode_t mode = st.st_mode & 07777;
  mode &= ~static_cast<mode_t>(S_ISUID);
  if ((mode & S_IXGRP) != 0) mode &= ~static_cast<mode_t>(S_ISGID);
  if (mode == (st.st_mode & 07777)) return false;
  AUFS_CHECK(sys::chmod_at(place.fd, place.leaf(), mode));
  return true;
}

}  // namespace aufs
