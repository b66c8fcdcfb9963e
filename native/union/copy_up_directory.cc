// SPDX-License-Identifier: MIT
// The part of copy_up.h about directories.
#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <optional>

#include "base/scope_exit.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/copy_up_event.h"
#include "union/dir_merge.h"
#include "union/lookup.h"
#include "union/metadata.h"
#include "union/staging.h"

namespace aufs {

void report_copy_up(Engine& engine, const NodePtr& node, CopyOutcome outcome, CopyUpClock::time_point since) {
  if (!engine.options.on_copy_up) return;
  const Result<std::string> path = path_of(node);
  const auto spent = std::chrono::duration_cast<std::chrono::nanoseconds>(CopyUpClock::now() - since);
  engine.options.on_copy_up(
      {path ? *path : "", outcome.method, outcome.bytes, static_cast<std::uint64_t>(spent.count())});
}

namespace {

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
  const CopyUpClock::time_point since = CopyUpClock::now();
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
  report_copy_up(engine, dir, {CopyMethod::kNone, 0}, since);
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

}  // namespace aufs
