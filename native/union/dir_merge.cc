// SPDX-License-Identifier: MIT
#include "union/dir_merge.h"

#include <dirent.h>

#include <algorithm>
#include <unordered_set>

#include "sys/attributes.h"
#include "sys/directory.h"
#include "sys/file_io.h"
#include "union/whiteout.h"

namespace aufs {
namespace {

// What one branch has in the directory.
struct LayerNames {
  struct Item {
    std::string name;
    std::uint64_t ino;
    unsigned char type;
  };
  std::vector<Item> names;
  std::vector<Item> whiteouts;             // by the names that they hide
  std::unordered_set<std::string> hidden;  // of the same
  bool opaque = false;
};

// Directory entries without a type (some file systems give none) are asked one by one.
unsigned char type_of(int dir, const std::string& name, unsigned char type) {
  if (type != DT_UNKNOWN) return type;
  const Result<struct stat> st = sys::stat_at(dir, name.c_str());
  if (!st) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(st->st_mode));
}

Result<LayerNames> read_layer(int dir, bool honour_whiteouts, bool show_whiteouts) {
  LayerNames layer;
  std::vector<LayerNames::Item> markers;
  AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
    switch (entry.name == whiteout::kPrefix ? whiteout::Kind::kNone : whiteout::classify(entry.name)) {
      case whiteout::Kind::kNone:
        layer.names.push_back({std::string(entry.name), entry.ino, entry.type});
        break;
      case whiteout::Kind::kWhiteout:
        if (honour_whiteouts && show_whiteouts) {
          layer.names.push_back({std::string(entry.name), entry.ino, entry.type});
        }
        if (honour_whiteouts) {
          layer.whiteouts.push_back({std::string(whiteout::hidden_name(entry.name)), entry.ino, entry.type});
        }
        break;
      case whiteout::Kind::kOpaque:
        if (honour_whiteouts) markers.push_back({std::string(entry.name), entry.ino, entry.type});
        break;
      case whiteout::Kind::kMeta: break;
    }
    return true;
  }));
  for (LayerNames::Item& item : layer.names) item.type = type_of(dir, item.name, item.type);
  for (LayerNames::Item& item : layer.whiteouts) {
    item.type = type_of(dir, whiteout::name_for(item.name), item.type);
    layer.hidden.insert(item.name);
  }
  for (const LayerNames::Item& item : markers) {
    if (type_of(dir, item.name, item.type) != DT_REG) return Error{EIO, "opaque_marker"};
    layer.opaque = true;
  }
  return layer;
}

// Merges layers from the top down.
class Merger {
 public:
  explicit Merger(const Engine& engine) : engine_(engine) {}

  void add(BranchIndex branch, const LayerNames& layer) {
    for (const LayerNames::Item& item : layer.names) {
      // A whiteout wins over an entry of the same name in the same branch.
      if (layer.hidden.count(item.name) == 0) append(item.name, {branch, false, item.type, item.ino});
    }
    for (const LayerNames::Item& item : layer.whiteouts) {
      const unsigned char strange = item.type == DT_REG ? 0 : item.type;
      append(item.name, {branch, true, strange, 0});
    }
  }

  std::unique_ptr<DirIndex> finish() && { return std::move(index_); }

 private:
  // What a file or a whiteout of a read-only branch covers can never matter.
  void append(const std::string& name, const Trace& trace) {
    const std::optional<Trace> last = index_->lowest(name);
    if (last && (last->whiteout || last->type != DT_DIR) && !engine_.is_writable(last->branch)) return;
    index_->append(name, trace);
  }

  const Engine& engine_;
  std::unique_ptr<DirIndex> index_ = std::make_unique<DirIndex>();
};

void drop_layers_below(Directory& dir, BranchIndex branch) {
  const std::lock_guard guard(dir.layers_mutex);
  while (dir.layers.back().branch > branch) dir.layers.pop_back();
}

// When a layer of the directory last changed.
Result<Stamp> stamp_of(BranchIndex branch, int layer) {
  AUFS_TRY(const struct stat st, sys::stat_fd(layer));
  return Stamp{branch, st.st_ctim};
}

bool same_time(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

}  // namespace

Result<std::unique_ptr<DirIndex>> merge_directory(Engine& engine, const NodePtr& dir) {
  Merger merger(engine);
  dir->dir->stamps.clear();
  dir->dir->stale = false;
  ++dir->dir->reading;
  for (const BranchIndex branch : layer_branches(*dir)) {
    AUFS_TRY(const SharedFd fd, dir_fd(engine, dir, branch));
    if (engine.options.revalidate) {
      AUFS_TRY(const Stamp stamp, stamp_of(branch, fd->get()));  // before it is read
      dir->dir->stamps.push_back(stamp);
    }
    AUFS_TRY(const LayerNames layer,
             read_layer(fd->get(), engine.branch(branch).perm.whiteouts, engine.options.show_whiteouts));
    merger.add(branch, layer);
    // AUFS does not look for the marker in the root of a branch.
    if (layer.opaque && dir != engine.root) {
      dir->dir->opaque = branch;
      drop_layers_below(*dir->dir, branch);
      break;
    }
  }
  return std::move(merger).finish();
}

Result<DirIndex*> ensure_index(Engine& engine, const NodePtr& dir) {
  Directory& directory = *dir->dir;
  if (directory.removed) return Error{ENOENT, "directory"};
  if (!directory.index || !is_current(engine, dir)) {
    directory.index.reset();
    AUFS_TRY(directory.index, merge_directory(engine, dir));
    int subdirs = 0;
    for (const auto& [name, entry] : *directory.index)
      subdirs += entry.visible() && entry.type == DT_DIR ? 1 : 0;
    directory.subdirs = subdirs;
    engine.lookup_cache.added(dir, directory.index->size());
  }
  return directory.index.get();
}

void forget_index(Engine& engine, const NodePtr& dir) {
  dir->dir->index.reset();
  dir->dir->opaque = kNoBranch;
  dir->dir->subdirs = -1;
  engine.lookup_cache.dropped(*dir);
}

bool is_current(Engine& engine, const NodePtr& dir) {
  if (dir->dir->stale) return false;
  if (!engine.options.revalidate) return true;
  return std::all_of(dir->dir->stamps.begin(), dir->dir->stamps.end(), [&](const Stamp& stamp) {
    const Result<SharedFd> layer = dir_fd(engine, dir, stamp.branch);
    if (!layer) return false;
    const Result<Stamp> now = stamp_of(stamp.branch, (*layer)->get());
    return now && same_time(now->changed, stamp.changed);
  });
}

void note_own_change(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  // Its whiteouts may be others, and those are entries too.
  if (engine.options.show_whiteouts) dir->dir->stale = true;
  if (!engine.options.revalidate || !dir->dir->index) return;
  const Result<SharedFd> layer = dir_fd(engine, dir, branch);
  if (!layer) return;
  const Result<Stamp> now = stamp_of(branch, (*layer)->get());
  for (Stamp& stamp : dir->dir->stamps) {
    if (stamp.branch == branch && now) stamp = *now;
  }
}

void entries_changed(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  note_own_change(engine, dir, branch);
  const BranchIndex top = top_branch(*dir);
  if (top == branch || !engine.is_writable(top)) return;
  const Result<SharedFd> layer = dir_fd(engine, dir, top);
  if (!layer) return;
  const struct timespec times[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}};
  (void)sys::utimens_at((*layer)->get(), "", times);
  note_own_change(engine, dir, top);
}

void adjust_subdirs(Node& dir, int by) {
  if (dir.dir->subdirs >= 0) dir.dir->subdirs += by;
}

}  // namespace aufs
