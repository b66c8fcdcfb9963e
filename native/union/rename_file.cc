// SPDX-License-Identifier: MIT
#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdio>

#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/lookup.h"
#include "union/remove.h"
#include "union/rename_parts.h"
#include "union/select_branch.h"
#include "union/staging.h"

namespace aufs {
namespace {

// Locks the states of two different nodes without a fixed order.
struct LockStates {
  LockStates(const NodePtr& a, const NodePtr& b) {
    if (!b || a == b) {
      a_ = std::unique_lock(a->state);
      return;
    }
    a_ = std::unique_lock(a->state, std::defer_lock);
    b_ = std::unique_lock(b->state, std::defer_lock);
    std::lock(a_, b_);
  }
  std::unique_lock<SmallSharedMutex> a_;
  std::unique_lock<SmallSharedMutex> b_;
};

void replace_name(Node& node, const NamedEntry& from, const NamedEntry& to) {
  for (Name& known : node.names) {
    if (!known.is(from.dir, from.name)) continue;
    known = {to.dir, to.name};
    return;
  }
}

// One rename of a file under the locks of both directories.
class FileRename {
 public:
  FileRename(Engine& engine, NamedEntry from, NamedEntry to)
      : engine_(engine), from_(std::move(from)), to_(std::move(to)) {}

  Status run() {
    AUFS_TRY(source_, entry_node(engine_, from_.dir, from_.name, from_.entry));
    if (to_.entry.visible()) {
      AUFS_TRY(target_, entry_node(engine_, to_.dir, to_.name, to_.entry));
      if (target_ == source_) return ok();  // two links of one file: rename(2) does nothing
      if (target_->is_dir()) return Error{EISDIR, "rename"};
    }
    const LockStates states(source_, target_);
    if (target_) AUFS_CHECK(prepare_target());
    if (!from_.covers) {
      AUFS_CHECK(move());
    } else {
      AUFS_TRY(StagedWhiteout whiteout, StagedWhiteout::create(engine_, from_.branch));
      AUFS_CHECK(save_target());
      AUFS_CHECK(move());
      const Status hidden = hide_source(whiteout);
      forget_saved();
      AUFS_CHECK(hidden);
    }
    note_gone(engine_, from_, from_.dir != to_.dir);
    note_here(engine_, to_, from_.entry.ino, from_.entry.type);
    replace_name(*source_, from_, to_);
    if (target_) {
      forget_number();
      after_name_went(engine_, target_, to_.dir, to_.name, to_.entry, links_, to_.branch);
    }
    return ok();
  }

 private:
  // The links of what is replaced, and its inode if that is free afterwards.
  Status prepare_target() {
    struct stat file {};
    AUFS_TRY(const Attr attr, attributes_held(engine_, target_, &file));
    links_ = attr.st.st_nlink;
    if (to_.entry.top == to_.branch) {
      // The group's file may be another one.
      if (target_->grouped) {
        AUFS_TRY(file, sys::stat_at(to_.fd->get(), to_.leaf()));
      }
      if (file.st_nlink == 1) freed_ = file.st_ino;
    }
    return before_name_goes(engine_, target_, to_.dir, to_.name);
  }

  Status move() {
    if (to_.whiteout) return move_over_whiteout();
    return sys::rename(from_.fd->get(), from_.leaf(), to_.fd->get(), to_.leaf(), 0);
  }

  // Until the whiteout goes the new name is hidden, so the old one must stay till then: a link in between, and at no
  // moment is the file under neither name, nor does a deleted file come back.
  Status move_over_whiteout() {
    const Status linked = link_hidden();
    if (!linked) {
      // No links here: a short moment shows what was deleted.
      AUFS_CHECK(remove_whiteout(to_.fd->get(), to_.name));
      return sys::rename(from_.fd->get(), from_.leaf(), to_.fd->get(), to_.leaf(), 0);
    }
    const Status shown = remove_whiteout(to_.fd->get(), to_.name);
    if (!shown) {
      (void)sys::unlink(to_.fd->get(), to_.leaf());
      return shown;
    }
    return sys::unlink(from_.fd->get(), from_.leaf());
  }

  Status link_hidden() {
    Status linked = sys::link(from_.fd->get(), from_.leaf(), to_.fd->get(), to_.leaf());
    if (!failed_with(linked, EEXIST)) return linked;
    AUFS_CHECK(sys::unlink(to_.fd->get(), to_.leaf()));  // left under its whiteout by a crash
    return sys::link(from_.fd->get(), from_.leaf(), to_.fd->get(), to_.leaf());
  }

  // Keeps what the rename replaces, under a name that nobody looks up, until nothing can fail any more.
  Status save_target() {
    if (!target_ || to_.entry.top != to_.branch) return ok();
    AUFS_TRY(staging_, staging_directory(engine_, to_.branch));
    std::string name = temporary_name(engine_);
    const Status linked = sys::link(to_.fd->get(), to_.leaf(), staging_.get(), name.c_str());
    if (linked) saved_ = std::move(name);
    // Without hard links there is no way back.
    const bool unable =
        failed_with(linked, EPERM) || failed_with(linked, EMLINK) || failed_with(linked, EOPNOTSUPP);
    return linked || unable ? ok() : linked;
  }

  void forget_saved() {
    if (!saved_.empty()) (void)sys::unlink(staging_.get(), saved_.c_str());
  }

  // The file has moved; what is below its old name must not show. If that cannot be had, all goes back to where it was.
  Status hide_source(StagedWhiteout& whiteout) {
    const Status hidden = whiteout.place(from_.fd->get(), from_.name);
    if (hidden) return ok();
    const bool had_target = target_ && to_.entry.top == to_.branch;
    if (had_target && saved_.empty()) return hidden;
    (void)sys::rename(to_.fd->get(), to_.leaf(), from_.fd->get(), from_.leaf(), 0);
    if (had_target) (void)sys::rename(staging_.get(), saved_.c_str(), to_.fd->get(), to_.leaf(), 0);
    if (to_.whiteout) (void)make_whiteout(engine_, to_.branch, to_.fd->get(), to_.name);
    return hidden;
  }

  void forget_number() {
    if (freed_ != 0) engine_.numbers.forget(engine_.branch(to_.branch), freed_);
  }

  Engine& engine_;
  NamedEntry from_;
  NamedEntry to_;
  NodePtr source_;
  NodePtr target_;
  nlink_t links_ = 0;  // of target_
  UniqueFd staging_;
  std::string saved_;  // in staging_; empty: nothing is saved
  ino_t freed_ = 0;
};

Status exchange(Engine& engine, const NamedEntry& a, const NamedEntry& b) {
  AUFS_TRY(const NodePtr node_a, entry_node(engine, a.dir, a.name, a.entry));
  AUFS_TRY(const NodePtr node_b, entry_node(engine, b.dir, b.name, b.entry));
  if (node_a == node_b) return ok();
  const LockStates states(node_a, node_b);
  AUFS_CHECK(sys::rename(a.fd->get(), a.leaf(), b.fd->get(), b.leaf(), RENAME_EXCHANGE));
  note_here(engine, a, b.entry.ino, b.entry.type);
  note_here(engine, b, a.entry.ino, a.entry.type);
  replace_name(*node_a, a, b);
  replace_name(*node_b, b, a);
  return ok();
}

// A file cannot replace a directory; if it lies somewhere below that one, the kernel calls it "not empty" first.
Status refuse_directory(Engine& engine, const RenameNames& names) {
  AUFS_TRY(const Found target, lookup(engine, names.to_dir, names.to));
  const bool above = is_same_or_above(target.node, names.from_dir);
  return Error{above ? ENOTEMPTY : EISDIR, "rename"};
}

}  // namespace

namespace {

// One try; EAGAIN if somebody else changed what it had prepared.
Status try_rename(Engine& engine, const RenameNames& names, unsigned flags, bool& is_directory) {
  const bool exchanges = (flags & RENAME_EXCHANGE) != 0;
  AUFS_TRY(const BranchIndex branch,
           exchanges ? branch_for_exchange(engine, names.from_dir, names.from, names.to_dir, names.to)
                     : branch_for_rename(engine, names.from_dir, names.from, names.to_dir, names.to));
  AUFS_CHECK(copy_up_name(engine, names.from_dir, names.from, branch));
  if (exchanges) AUFS_CHECK(copy_up_name(engine, names.to_dir, names.to, branch));
  AUFS_CHECK(copy_up_directory(engine, names.to_dir, branch));
  const LockTwo locks(engine, names.from_dir, names.to_dir);
  AUFS_TRY(NamedEntry from, named_entry(engine, names.from_dir, names.from, branch));
  AUFS_TRY(NamedEntry to, named_entry(engine, names.to_dir, names.to, branch));
  if (!from.entry.visible()) return Error{ENOENT, "rename"};
  is_directory = from.entry.type == DT_DIR || (exchanges && to.entry.type == DT_DIR);
  if (is_directory || from.entry.top != branch || to.hidden_above) return Error{EAGAIN, "rename"};
  if (exchanges) {
    if (!to.entry.visible()) return Error{ENOENT, "rename"};
    return to.entry.top == branch ? exchange(engine, from, to) : Status(Error{EAGAIN, "rename"});
  }
  if (to.entry.visible() && (flags & RENAME_NOREPLACE) != 0) return Error{EEXIST, "rename"};
  return FileRename(engine, std::move(from), std::move(to)).run();
}

}  // namespace

Status rename_file(Engine& engine, const RenameNames& names, unsigned flags) {
  const Result<NameEntry> target = visible_entry(engine, names.to_dir, names.to);
  if (!target && target.error().code != ENOENT) return target.error();
  if (target && (flags & RENAME_NOREPLACE) != 0) return Error{EEXIST, "rename"};
  if (!target && (flags & RENAME_EXCHANGE) != 0) return Error{ENOENT, "rename"};
  if (target && target->type == DT_DIR) return refuse_directory(engine, names);
  if (names.to_dir->dir->removed) return Error{ENOENT, "rename"};
  // A name that somebody copies up or removes meanwhile is tried again.
  for (bool is_directory = false;;) {
    const Status done = try_rename(engine, names, flags, is_directory);
    if (!failed_with(done, EAGAIN) || is_directory) return done;
  }
}

}  // namespace aufs
