// SPDX-License-Identifier: MIT
#include "union/dir_merge.h"

#include <dirent.h>

#include <unordered_set>

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
  std::unordered_set<std::string> whiteouts;
  bool opaque = false;
};

// Directory entries without a type (some file systems give none) are asked one by one.
unsigned char type_of(int dir, const LayerNames::Item& item) {
  if (item.type != DT_UNKNOWN) return item.type;
  const Result<struct stat> st = sys::stat_at(dir, item.name.c_str());
  if (!st) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(st->st_mode));
}

Result<LayerNames> read_layer(int dir, bool honour_whiteouts) {
  LayerNames layer;
  AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
    switch (whiteout::classify(entry.name)) {
      case whiteout::Kind::kNone:
        layer.names.push_back({std::string(entry.name), entry.ino, entry.type});
        break;
      case whiteout::Kind::kWhiteout:
        if (honour_whiteouts) layer.whiteouts.emplace(whiteout::hidden_name(entry.name));
        break;
      case whiteout::Kind::kOpaque: layer.opaque = layer.opaque || honour_whiteouts; break;
      case whiteout::Kind::kMeta: break;
    }
    return true;
  }));
  for (LayerNames::Item& item : layer.names) item.type = type_of(dir, item);
  return layer;
}

// Merges layers from the top down.
class Merger {
 public:
  explicit Merger(const Engine& engine) : engine_(engine) {}

  void add(BranchIndex branch, const LayerNames& layer) {
    for (const LayerNames::Item& item : layer.names) {
      // A whiteout wins over an entry of the same name in the same branch.
      if (layer.whiteouts.count(item.name) == 0) append(item.name, {branch, false, item.type, item.ino});
    }
    for (const std::string& name : layer.whiteouts) append(name, {branch, true, 0, 0});
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

}  // namespace

Result<std::unique_ptr<DirIndex>> merge_directory(Engine& engine, const NodePtr& dir) {
  Merger merger(engine);
  for (const BranchIndex branch : layer_branches(*dir)) {
    AUFS_TRY(const SharedFd fd, dir_fd(engine, dir, branch));
    AUFS_TRY(const LayerNames layer, read_layer(fd->get(), engine.branch(branch).perm.whiteouts));
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
  if (!directory.index) {
    AUFS_TRY(directory.index, merge_directory(engine, dir));
    int subdirs = 0;
    for (const auto& [name, entry] : *directory.index)
      subdirs += entry.visible() && entry.type == DT_DIR ? 1 : 0;
    directory.subdirs = subdirs;
    engine.lookup_cache.added(dir, directory.index->size());
  }
  return directory.index.get();
}

void adjust_subdirs(Node& dir, int by) {
  if (dir.dir->subdirs >= 0) dir.dir->subdirs += by;
}

}  // namespace aufs
