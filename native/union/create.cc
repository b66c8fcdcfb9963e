// SPDX-License-Identifier: MIT
#include "union/create.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>

#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/dir_merge.h"
#include "union/inode_flags.h"
#include "union/lookup.h"
#include "union/select_branch.h"
#include "union/staging.h"

namespace aufs {
namespace {

constexpr mode_t kSetIdBits = S_ISUID | S_ISGID;

// The new entry belongs to the caller; in a set-group-ID directory the file system has given it the right group already.
Status give_to(Engine& engine, int dir, const char* name, Caller caller) {
  if (caller.uid == engine.euid && caller.gid == engine.egid) return ok();
  AUFS_TRY(const struct stat parent, sys::stat_at(dir, ""));
  const gid_t gid = parent.st_mode & S_ISGID ? static_cast<gid_t>(-1) : caller.gid;
  AUFS_TRY(const struct stat before, sys::stat_at(dir, name));
  if (before.st_uid == caller.uid && (gid == static_cast<gid_t>(-1) || before.st_gid == gid)) return ok();
  AUFS_CHECK(sys::chown_at(dir, name, caller.uid, gid));
  const bool keeps_bits = S_ISDIR(before.st_mode) || S_ISLNK(before.st_mode);
  const bool lost_bits = !keeps_bits && (before.st_mode & kSetIdBits) != 0;
  return lost_bits ? sys::chmod_at(dir, name, before.st_mode & 07777) : ok();
}

// One new entry in one directory. `Make` makes the name on disk: Status(int dir, const char* name); `Undo` removes it.
class Creation {
 public:
  Creation(Engine& engine, const NodePtr& parent, const std::string& name)
      : engine_(engine), parent_(parent), name_(name) {}

  template <typename Make>
  Result<Found> run(bool is_dir, Make&& make) {
    if (name_.size() > name_max()) return Error{ENAMETOOLONG, "create"};
    AUFS_CHECK(check_free());
    // A whiteout may appear before the directory is locked: then another branch may be the right one.
    for (;;) {
      AUFS_TRY(const BranchIndex branch, branch_for_create(engine_, parent_, name_, is_dir));
      Result<Found> made = run_in(branch, is_dir, make);
      if (!failed_with(made, EROFS)) return made;
      AUFS_TRY(const BranchIndex now, branch_for_create(engine_, parent_, name_, is_dir));
      if (now == branch) return made;
    }
  }

  // The same in a branch that the caller has chosen.
  template <typename Make>
  Result<Found> run_in(BranchIndex branch, bool is_dir, Make&& make) {
    branch_ = branch;
    if (name_.size() > name_max()) return Error{ENAMETOOLONG, "create"};
    AUFS_CHECK(copy_up_directory(engine_, parent_, branch_));
    const std::lock_guard guard(parent_->dir->lock);
    AUFS_TRY(DirIndex* const index, ensure_index(engine_, parent_));
    const NameEntry* const known = index->find(name_);
    if (known != nullptr && known->visible()) return Error{EEXIST, "create"};
    if (index->above(name_, branch_) != kNoBranch) return Error{EROFS, "create"};
    const bool hidden = index->has_whiteout(name_, branch_);
    AUFS_TRY(const SharedFd dir, dir_fd(engine_, parent_, branch_));
    AUFS_CHECK(make_on_disk(dir->get(), hidden, make));
    if (Status finished = finish(dir->get(), is_dir, hidden); !finished) {
      undo(dir->get(), is_dir, hidden);
      return finished.error();
    }
    Attr attr;
    Result<struct stat> st = sys::stat_with_birth(dir->get(), name_.c_str(), &attr.btime);
    if (!st) {
      undo(dir->get(), is_dir, hidden);
      return st.error();
    }
    attr.st = *st;
    return enter(*index, is_dir, attr);
  }

 private:
  // Before anything is copied up for an entry that cannot be made.
  Status check_free() {
    const Result<NameEntry> entry = visible_entry(engine_, parent_, name_);
    if (entry) return Error{EEXIST, "create"};
    if (entry.error().code != ENOENT || parent_->dir->removed) return entry.error();
    return check_flags(engine_, parent_, Change::kAddition);
  }

  // What a whiteout hides in its own branch is left from a crash between two steps: it goes.
  template <typename Make>
  Status make_on_disk(int dir, bool hidden, Make&& make) {
    Status made = make(dir, name_.c_str());
    if (!failed_with(made, EEXIST) || !hidden) return made;
    AUFS_CHECK(remove_tree_staged_or_unlink(dir));
    return make(dir, name_.c_str());
  }

  Status remove_tree_staged_or_unlink(int dir) {
    const Status unlinked = sys::unlink(dir, name_.c_str());
    if (unlinked || unlinked.error().code != EISDIR) return unlinked;
    return remove_tree_staged(engine_, branch_, dir, name_.c_str());
  }

  // The whiteout goes last: until then the name is hidden, so a crash shows the state before.
  Status finish(int dir, bool is_dir, bool hidden) {
    if (is_dir && (hidden || engine_.options.always_opaque)) {
      AUFS_TRY(const UniqueFd made, sys::open_at(dir, name_.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
      AUFS_CHECK(make_opaque(engine_, branch_, made.get()));
    }
    return hidden ? remove_whiteout(dir, name_) : ok();
  }

  void undo(int dir, bool is_dir, bool hidden) {
    if (hidden) (void)make_whiteout(engine_, branch_, dir, name_);
    (void)(is_dir ? remove_tree_staged(engine_, branch_, dir, name_.c_str())
                  : sys::unlink(dir, name_.c_str()));
  }

  Result<Found> enter(DirIndex& index, bool is_dir, const Attr& attr) {
    const auto type = static_cast<unsigned char>(IFTODT(attr.st.st_mode));
    index.put(name_, {branch_, false, type, attr.st.st_ino});
    if (is_dir) adjust_subdirs(*parent_, 1);
    entries_changed(engine_, parent_, branch_);
    return node_with(engine_, parent_, name_, *index.find(name_), attr);
  }

  Engine& engine_;
  const NodePtr& parent_;
  const std::string& name_;
  BranchIndex branch_ = kNoBranch;
};

// Makes the entry with `make`, then gives it to the caller; an entry that cannot be given away does not stay.
template <typename Make>
auto owned_by(Engine& engine, Caller caller, Make make) {
  return [&engine, caller, make](int dir, const char* name) -> Status {
    AUFS_CHECK(make(dir, name));
    const Status given = give_to(engine, dir, name, caller);
    if (!given && !sys::unlink(dir, name)) (void)sys::rmdir(dir, name);
    return given;
  };
}

// The branch for a new name of a file of the read-only branch `source`: where new names go, but above the file.
Result<BranchIndex> branch_for_link(Engine& engine, BranchIndex source, const NodePtr& parent,
                                    const std::string& name) {
  AUFS_TRY(const BranchIndex branch, branch_for_create(engine, parent, name, false));
  const BranchIndex to = engine.writable_from(std::min(branch, source));
  if (to == kNoBranch) return Error{EROFS, "link"};
  return to;
}

}  // namespace

Result<Found> make_node(Engine& engine, const NodePtr& parent, const std::string& name, mode_t mode,
                        dev_t rdev, Caller caller) {
  return Creation(engine, parent, name).run(false, owned_by(engine, caller, [&](int dir, const char* leaf) {
                                              return sys::mknod(dir, leaf, mode, rdev);
                                            }));
}

Result<Found> make_directory(Engine& engine, const NodePtr& parent, const std::string& name, mode_t mode,
                             Caller caller) {
  return Creation(engine, parent, name).run(true, owned_by(engine, caller, [&](int dir, const char* leaf) {
                                              return sys::mkdir(dir, leaf, mode);
                                            }));
}

Result<Found> make_symlink(Engine& engine, const NodePtr& parent, const std::string& name,
                           const std::string& target, Caller caller) {
  return Creation(engine, parent, name).run(false, owned_by(engine, caller, [&](int dir, const char* leaf) {
                                              return sys::symlink(target.c_str(), dir, leaf);
                                            }));
}

Result<Found> make_open_file(Engine& engine, const NodePtr& parent, const std::string& name, mode_t mode,
                             Caller caller, SharedFd* opened) {
  return Creation(engine, parent, name)
      .run(false, owned_by(engine, caller, [&](int dir, const char* leaf) -> Status {
             constexpr int kFlags = O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW;
             AUFS_TRY(UniqueFd fd, sys::open_at(dir, leaf, kFlags, mode & 07777));
             *opened = share(std::move(fd));
             return ok();
           }));
}

Result<Found> make_unnamed_file(Engine& engine, const NodePtr& parent, mode_t mode, Caller caller,
                                SharedFd* opened) {
  AUFS_TRY(const BranchIndex branch, branch_for_create(engine, parent, "", false));
  AUFS_CHECK(copy_up_directory(engine, parent, branch));
  AUFS_TRY(const SharedFd dir, dir_fd(engine, parent, branch));
  AUFS_TRY(UniqueFd fd, sys::open_at(dir->get(), ".", O_TMPFILE | O_RDWR, mode & 07777));
  if (caller.uid != engine.euid || caller.gid != engine.egid) {
    AUFS_TRY(const struct stat above, sys::stat_at(dir->get(), ""));
    const gid_t gid = above.st_mode & S_ISGID ? static_cast<gid_t>(-1) : caller.gid;
    AUFS_CHECK(sys::fchown(fd.get(), caller.uid, gid));
  }
  *opened = share(std::move(fd));
  Attr attr;
  AUFS_TRY(attr.st, sys::stat_with_birth((*opened)->get(), "", &attr.btime));
  const ino_t backing = attr.st.st_ino;
  attr.st.st_ino = engine.numbers.number(attr.st.st_dev, backing);
  const NodePtr node = engine.inodes->intern(attr.st.st_ino, attr.st.st_mode, [&](Node& fresh) {
    fresh.branch = branch;
    fresh.backing_ino = backing;
    RareState& rare = fresh.change_rare();
    rare.pin = *opened;
    rare.unnamed = true;
  });
  return Found{node, attr};
}

namespace {

Result<Found> try_link(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name) {
  AUFS_CHECK(finish_copy_up(engine, node));
  BranchIndex branch = kNoBranch;
  {
    const std::shared_lock guard(node->state);
    branch = node->branch;
    // Unlinked; of a file in a writable branch the kernel says so.
    if (!engine.is_writable(branch) && node->names.empty()) return Error{ENOENT, "link"};
  }
  if (!engine.is_writable(branch)) {
    if (name.size() > name_max()) return Error{ENAMETOOLONG, "link"};
    const Result<NameEntry> taken = visible_entry(engine, parent, name);
    if (taken) return Error{EEXIST, "link"};
    if (taken.error().code != ENOENT) return taken.error();
    AUFS_TRY(const BranchIndex to, branch_for_link(engine, branch, parent, name));
    AUFS_CHECK(copy_up_as(engine, node, parent, name, to));
    return lookup(engine, parent, name);
  }
  if (const Result<NameEntry> taken = visible_entry(engine, parent, name); taken) {
    return Error{EEXIST, "link"};
  } else if (taken.error().code != ENOENT) {
    return taken.error();
  }
  AUFS_TRY(const bool shows, would_show(engine, parent, name, branch));
  if (!shows) return Error{EXDEV, "link"};  // a link cannot leave its branch
  Creation creation(engine, parent, name);
  return creation.run_in(branch, false, [&](int dir, const char* leaf) -> Status {
    const std::lock_guard guard(node->state);
    AUFS_TRY(const Place place, locate(engine, node));
    AUFS_CHECK(place.name.empty() ? sys::link_fd(place.fd, dir, leaf)
                                  : sys::link(place.fd, place.leaf(), dir, leaf));
    if (node->rare().unnamed) {
      node->change_rare().unnamed = false;
      node->names.add({parent, name});
      node->unpin();
    }
    return ok();
  });
}

}  // namespace

Result<Found> link_node(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name) {
  if (node->is_dir()) return Error{EPERM, "link"};
  for (;;) {
    Result<Found> linked = try_link(engine, node, parent, name);
    if (!failed_with(linked, EAGAIN)) return linked;
  }
}

}  // namespace aufs
