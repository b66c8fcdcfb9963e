// SPDX-License-Identifier: MIT
#include "union/copy_up.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <chrono>
#include <optional>

#include "base/scope_exit.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_data.h"
#include "union/dir_merge.h"
#include "union/inode_flags.h"
#include "union/lookup.h"
#include "union/metadata.h"
#include "union/select_branch.h"
#include "union/staging.h"

namespace aufs {
namespace {

using Clock = std::chrono::steady_clock;

void report(Engine& engine, const NodePtr& node, CopyOutcome outcome, Clock::time_point since) {
  if (!engine.options.on_copy_up) return;
  const Result<std::string> path = path_of(node);
  const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - since);
  engine.options.on_copy_up(
      {path ? *path : "", outcome.method, outcome.bytes, static_cast<std::uint64_t>(spent.count())});
}

// The name that the copy shall have.
struct Target {
  NodePtr parent;  // null: no name
  std::string name;
  bool fresh = false;  // the name does not exist yet: link() makes it
};

// --- directories

// Makes the copy of `from` in the staging directory, where nobody looks, complete with its attributes.
Result<std::string> stage_directory(Engine& engine, const Place& from, int staging) {
  AUFS_TRY(const struct stat st, sys::stat_at(from.fd, from.leaf()));
  std::string temporary = temporary_name(engine);
  AUFS_CHECK(sys::mkdir(staging, temporary.c_str(), 0700));
  AUFS_TRY(const UniqueFd made, sys::open_at(staging, temporary.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  const Status complete = copy_metadata(from, st, Place::borrowed(made.get()));
  if (complete) return temporary;
  (void)sys::rmdir(staging, temporary.c_str());
  return complete.error();
}

void add_layer(Node& dir, BranchIndex branch, SharedFd fd) {
  const std::lock_guard guard(dir.dir->layers_mutex);
  auto& layers = dir.dir->layers;
  const auto at = std::find_if(layers.begin(), layers.end(),
                               [&](const DirLayer& layer) { return layer.branch > branch; });
  layers.insert(at, DirLayer{branch, std::move(fd), true});
}

// `parent` is in the branch `to`; now `dir`, its child `name`, gets there.
Status copy_up_child(Engine& engine, const NodePtr& parent, const std::string& name, const NodePtr& dir,
                     BranchIndex to) {
  const std::lock_guard guard(parent->dir->lock);
  if (has_layer(*dir, to)) return ok();
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  const NameEntry* const entry = index->find(name);
  if (entry == nullptr || !entry->visible() || dir->dir->removed) return Error{ENOENT, "copy_up"};
  AUFS_TRY(const Place from, locate(engine, dir));
  AUFS_TRY(const SharedFd upper, dir_fd(engine, parent, to));
  AUFS_TRY(const UniqueFd staging, staging_directory(engine, to));
  const Clock::time_point since = Clock::now();
  AUFS_TRY(const std::string temporary, stage_directory(engine, from, staging.get()));
  std::optional<KeepTimes> keep(upper->get());
  ScopeExit discard([&] { (void)sys::rmdir(staging.get(), temporary.c_str()); });
  // Before it has its name: afterwards nothing may fail any more.
  AUFS_TRY(UniqueFd made, sys::open_at(staging.get(), temporary.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  AUFS_TRY(const struct stat st, sys::stat_fd(made.get()));
  AUFS_CHECK(sys::rename(staging.get(), temporary.c_str(), upper->get(), name.c_str(), 0));
  discard.dismiss();
  engine.numbers.keep(engine.branch(to), st.st_ino, dir->ino);
  add_layer(*dir, to, share(std::move(made)));
  index->put(name, {to, false, DT_DIR, st.st_ino});
  keep.reset();
  note_own_change(engine, parent, to);
  engine.dir_fds.opened(dir, to);
  report(engine, dir, {CopyMethod::kNone, 0}, since);
  return ok();
}

// --- files

// One copy_up of one file that is not a directory into the branch `to`. The caller holds node->copy_up_mutex.
class FileCopyUp {
 public:
  FileCopyUp(Engine& engine, const NodePtr& node, Target target, BranchIndex to)
      : engine_(engine), node_(node), target_(std::move(target)), to_(to) {}

  Status run(off_t size) {
    {
      const std::shared_lock guard(node_->state);
      AUFS_TRY(from_, locate(engine_, node_));
      origin_ = node_->branch;
      if (node_->lent) return Error{EBUSY, "copy_up"};
    }
    AUFS_TRY(stat_, sys::stat_at(from_.fd, from_.leaf()));
    AUFS_TRY(upper_, dir_fd(engine_, target_.parent ? target_.parent : engine_.root, to_));
    if (S_ISREG(stat_.st_mode)) return copy_regular(size);
    return copy_special();
  }

 private:
  Status copy_regular(off_t size) {
    const bool whole = size == kWholeFile || size >= stat_.st_size;
    AUFS_TRY(const UniqueFd source, open_source());
    AUFS_TRY(StagedFile copy, StagedFile::create(engine_, to_, upper_->get()));
    AUFS_TRY(outcome_, copy_data(source.get(), copy.fd(), whole ? stat_.st_size : size, whole));
    AUFS_CHECK(copy_metadata(from_, stat_, Place::borrowed(copy.fd())));
    if (engine_.options.sync_copy_up && outcome_.bytes > 0) AUFS_CHECK(sys::fsync(copy.fd()));
    const Result<sys::Protection> protection = sys::protection_of(source.get(), "");
    AUFS_CHECK(publish(&copy));
    // Not before: an append-only file takes no name.
    if (protection && protection->append_only) keep_append_only(engine_, node_);
    return ok();
  }

  Result<UniqueFd> open_source() {
    if (from_.name.empty()) return sys::reopen(from_.fd, O_RDONLY);
    return sys::open_at(from_.fd, from_.leaf(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  }

  // Symlinks and special files are made in the staging directory and moved from there.
  Status copy_special() {
    AUFS_TRY(staging_, staging_directory(engine_, to_));
    temporary_ = temporary_name(engine_);
    if (S_ISLNK(stat_.st_mode)) {
      AUFS_TRY(const std::string link, sys::readlink(from_.fd, from_.leaf()));
      AUFS_CHECK(sys::symlink(link.c_str(), staging_.get(), temporary_.c_str()));
    } else {
      AUFS_CHECK(sys::mknod(staging_.get(), temporary_.c_str(), stat_.st_mode, stat_.st_rdev));
    }
    Status made = copy_metadata(from_, stat_, Place::borrowed(staging_.get(), temporary_));
    if (made) made = publish(nullptr);
    if (!made || !target_.parent) (void)sys::unlink(staging_.get(), temporary_.c_str());
    return made;
  }

  // From here on names change: under the lock of the directory, and of the node.
  Status publish(StagedFile* copy) {
    if (!target_.parent) return publish_unnamed(copy);
    const std::lock_guard dir_guard(target_.parent->dir->lock);
    AUFS_TRY(DirIndex* const index, ensure_index(engine_, target_.parent));
    AUFS_CHECK(check_target(*index));
    const std::lock_guard guard(node_->state);
    AUFS_TRY(const bool grouped, keep_group(copy));
    ScopeExit ungroup([&] {
      if (grouped) engine_.hard_links.remove(node_->ino);
    });
    // Before it has its name: afterwards nothing may fail any more.
    AUFS_TRY(const struct stat made,
             copy ? sys::stat_fd(copy->fd()) : sys::stat_at(staging_.get(), temporary_.c_str()));
    // link() makes an entry that was asked for: that moves the directory's time
    std::optional<KeepTimes> keep;
    if (!target_.fresh) keep.emplace(upper_->get());
    const char* name = target_.name.c_str();
    AUFS_CHECK(copy ? copy->publish(upper_->get(), name)
                    : sys::rename(staging_.get(), temporary_.c_str(), upper_->get(), name, 0));
    if (const Status shown = show(name); !shown) return shown;
    ungroup.dismiss();
    node_->grouped = node_->grouped || grouped;
    node_->pin.reset();  // of the original, if it had lost the names that were known; the copy has one
    engine_.numbers.keep(engine_.branch(to_), made.st_ino, node_->ino);
    note_file(*index, made.st_ino);
    keep.reset();
    if (target_.fresh) entries_changed(engine_, target_.parent, to_);
    else note_own_change(engine_, target_.parent, to_);
    move_node(copy, made.st_ino);
    return ok();
  }

  // The new name of a link() may be under a whiteout, which goes now; if it does not, the name goes again.
  Status show(const char* name) {
    if (!target_.fresh) return ok();
    const Status shown = remove_whiteout(upper_->get(), target_.name);
    if (!shown) (void)sys::unlink(upper_->get(), name);
    return shown;
  }

  // The name must still be what it was when the copy began, or, for link(), still be free.
  Status check_target(const DirIndex& index) {
    const NameEntry* const entry = index.find(target_.name);
    if (target_.fresh) {
      if (entry != nullptr && entry->visible()) return Error{EEXIST, "copy_up"};
      if (index.above(target_.name, to_) != kNoBranch) return Error{EROFS, "copy_up"};
      return index.has_whiteout(target_.name, to_) ? clear_leftover() : ok();
    }
    if (entry == nullptr || !entry->visible() || entry->top != origin_) return Error{ESTALE, "copy_up"};
    return ok();
  }

  // A file under its own whiteout is what a crash left of an earlier try.
  Status clear_leftover() {
    const Status removed = sys::unlink(upper_->get(), target_.name.c_str());
    return failed_with(removed, ENOENT) ? ok() : removed;
  }

  // A file with other names below becomes a hard-link group; false if it is none.
  Result<bool> keep_group(StagedFile* copy) {
    // Of a file of one name nobody counts that it is gone.
    if (stat_.st_nlink == 1 && !target_.fresh) return false;
    const long mine = target_.parent && !target_.fresh ? 1 : 0;
    const long names_below =
        static_cast<long>(stat_.st_nlink) - engine_.hard_links.count_gone(node_->ino) - mine;
    if (names_below <= 0) return false;
    UniqueFd special;
    if (copy == nullptr) {
      AUFS_TRY(special, sys::open_at(staging_.get(), temporary_.c_str(), O_PATH | O_NOFOLLOW));
    }
    const int fd = copy != nullptr ? copy->fd() : special.get();
    AUFS_CHECK(engine_.hard_links.add(engine_.branches, origin_, to_, node_->ino, stat_, names_below, fd));
    return true;
  }

  void note_file(DirIndex& index, ino_t ino) {
    index.put(target_.name, {to_, false, static_cast<unsigned char>(IFTODT(stat_.st_mode)), ino});
    const auto same = [&](const Name& known) {
      return known.parent == target_.parent && known.name == target_.name;
    };
    if (node_->grouped) {
      if (std::none_of(node_->names.begin(), node_->names.end(), same)) {
        node_->names.push_back({target_.parent, target_.name});
      }
      return;
    }
    node_->names.assign(1, {target_.parent, target_.name});
  }

  // An inode without a known name lives in its descriptor only, unless it has names below that nobody looked up yet: then
  // it is a hard-link group, so that they lead to the copy.
  Status publish_unnamed(StagedFile* copy) {
    const std::lock_guard guard(node_->state);
    AUFS_TRY(const bool grouped, keep_group(copy));
    Result<UniqueFd> fd = copy != nullptr
                              ? sys::reopen(copy->fd(), O_PATH)
                              : sys::open_at(staging_.get(), temporary_.c_str(), O_PATH | O_NOFOLLOW);
    if (!fd) {
      if (grouped) engine_.hard_links.remove(node_->ino);
      return fd.error();
    }
    AUFS_TRY(const struct stat made, sys::stat_fd(fd->get()));
    if (grouped) engine_.numbers.keep(engine_.branch(to_), made.st_ino, node_->ino);
    node_->grouped = grouped;
    node_->pin = grouped ? nullptr : share(*std::move(fd));
    move_node(copy, made.st_ino);
    return ok();
  }

  // Open files follow: whoever reads or writes through the node uses the copy from now on. I/O that is under way ends
  // on the old descriptor, which it holds.
  void move_node(StagedFile* copy, ino_t ino) {
    node_->branch = to_;
    node_->backing_ino = ino;
    if (copy == nullptr || node_->open_count == 0) return;
    node_->backing.read = node_->backing.write = share(std::move(*copy).take_fd());
  }

 public:
  CopyOutcome outcome() const { return outcome_; }

 private:
  Engine& engine_;
  const NodePtr node_;
  const Target target_;
  const BranchIndex to_;
  Place from_;
  struct stat stat_ {};
  BranchIndex origin_ = kNoBranch;
  SharedFd upper_;
  UniqueFd staging_;
  std::string temporary_;
  CopyOutcome outcome_{CopyMethod::kNone, 0};
};

// The caller holds node->copy_up_mutex.
Status copy_up_locked(Engine& engine, const NodePtr& node, off_t size, Target target, BranchIndex to) {
  const Clock::time_point since = Clock::now();
  if (target.parent) AUFS_CHECK(copy_up_directory(engine, target.parent, to));
  FileCopyUp work(engine, node, std::move(target), to);
  AUFS_CHECK(work.run(size));
  report(engine, node, work.outcome(), since);
  return ok();
}

Target any_name(const NodePtr& node) {
  const std::shared_lock guard(node->state);
  if (node->names.empty()) return {};
  return {node->names.front().parent, node->names.front().name, false};
}

BranchIndex branch_of(const NodePtr& node) {
  const std::shared_lock guard(node->state);
  return node->branch;
}

// Gives one more name to the copy that a hard-link group has already, in the branch `to`.
Status link_group_name(Engine& engine, const NodePtr& parent, const std::string& name, const NodePtr& node,
                       BranchIndex to) {
  if (branch_of(node) != to) return Error{EXDEV, "copy_up"};
  AUFS_CHECK(copy_up_directory(engine, parent, to));
  const std::lock_guard dir_guard(parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  const NameEntry* const entry = index->find(name);
  if (entry == nullptr || !entry->visible()) return Error{ENOENT, "copy_up"};
  if (entry->top <= to) return ok();
  const std::lock_guard guard(node->state);
  AUFS_TRY(const Place place, locate(engine, node));
  AUFS_TRY(const SharedFd upper, dir_fd(engine, parent, to));
  AUFS_TRY(const struct stat st, sys::stat_at(place.fd, place.leaf()));
  std::optional<KeepTimes> keep(upper->get());
  AUFS_CHECK(place.name.empty() ? sys::link_fd(place.fd, upper->get(), name.c_str())
                                : sys::link(place.fd, place.leaf(), upper->get(), name.c_str()));
  index->put(name, {to, false, entry->type, st.st_ino});
  keep.reset();
  note_own_change(engine, parent, to);
  engine.hard_links.name_covered(node->ino);
  return ok();
}

}  // namespace

Status copy_up_directory(Engine& engine, const NodePtr& dir, BranchIndex to) {
  if (has_layer(*dir, to)) return ok();
  Name name;
  {
    const std::shared_lock guard(dir->state);
    if (dir->names.empty()) return Error{ENOENT, "copy_up"};
    name = dir->names.front();
  }
  AUFS_CHECK(copy_up_directory(engine, name.parent, to));
  return copy_up_child(engine, name.parent, name.name, dir, to);
}

namespace {

// The topmost layer of the directory is where its attributes are.
Status copy_up_top(Engine& engine, const NodePtr& dir) {
  const BranchIndex top = top_branch(*dir);
  if (engine.is_writable(top)) return ok();
  const Target name = any_name(dir);
  AUFS_TRY(const BranchIndex to, branch_for_change(engine, name.parent ? name.parent : dir, top));
  return copy_up_directory(engine, dir, to);
}

}  // namespace

Status copy_up(Engine& engine, const NodePtr& node, off_t size) {
  if (node->is_dir()) return copy_up_top(engine, node);
  const std::lock_guard once(node->copy_up_mutex);
  for (;;) {
    const BranchIndex source = branch_of(node);
    if (engine.is_writable(source)) return ok();
    const Target target = any_name(node);
    if (target.parent)
      AUFS_CHECK(check_name(engine, target.name));  // a whiteout that is shown stays what it is
    AUFS_TRY(const BranchIndex to,
             branch_for_change(engine, target.parent ? target.parent : engine.root, source));
    const Status done = copy_up_locked(engine, node, size, target, to);
    if (done || (done.error().code != ESTALE && done.error().code != ENOENT)) return done;
    // A name may vanish or move while the data is copied: then the copy is made for another one, or for none. If the
    // name is the same as before, the branch was changed behind our back, and nothing more can be done.
    const Target now = any_name(node);
    if (now.parent == target.parent && now.name == target.name) return done;
  }
}

Status copy_up_name(Engine& engine, const NodePtr& parent, const std::string& name, BranchIndex to) {
  AUFS_TRY(const Found found, lookup(engine, parent, name));
  if (found.node->is_dir()) return copy_up_directory(engine, found.node, to);
  AUFS_TRY(const NameEntry entry, visible_entry(engine, parent, name));
  if (entry.top <= to) return ok();
  {
    const std::lock_guard once(found.node->copy_up_mutex);
    if (branch_of(found.node) == entry.top) {
      return copy_up_locked(engine, found.node, kWholeFile, {parent, name, false}, to);
    }
  }
  return link_group_name(engine, parent, name, found.node, to);
}

Status copy_up_as(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& target,
                  BranchIndex to) {
  const std::lock_guard once(node->copy_up_mutex);
  return copy_up_locked(engine, node, kWholeFile, {parent, target, true}, to);
}

Status copy_up_tree(Engine& engine, const NodePtr& dir, BranchIndex to) {
  AUFS_CHECK(copy_up_directory(engine, dir, to));
  AUFS_TRY(const std::vector<DirEntry> entries, list_directory(engine, dir));
  for (const DirEntry& entry : entries) {
    if (entry.type != DT_DIR) {
      AUFS_CHECK(copy_up_name(engine, dir, entry.name, to));
      continue;
    }
    AUFS_TRY(const Found child, lookup(engine, dir, entry.name));
    AUFS_CHECK(copy_up_tree(engine, child.node, to));
  }
  return ok();
}

}  // namespace aufs
