// SPDX-License-Identifier: MIT
#include "union/dir_merge.h"

#include <dirent.h>

#include <algorithm>
#include <optional>
#include <span>

#include "sys/attributes.h"
#include "sys/clock.h"
#include "sys/file_io.h"
#include "union/layer_reader.h"

namespace aufs {
namespace {

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

  // What the chain index has of all layers from here down.
  void add(const ChainIndex& chain, const ChainIndex::Directory& known) {
    Recorded place = 0;
    for (const chain_format::Entry& entry : known.entries) {
      ++place;
      const std::string name(known.name_of(entry));
      if (entry.traces == 0) append(name, {chain.place_of(entry.top), false, entry.type, entry.ino, place});
      for (const auto& trace : known.traces.subspan(entry.first_trace, entry.traces)) {
        append(name, {chain.place_of(trace.layer), trace.whiteout != 0, trace.type, trace.ino, place});
      }
    }
  }

  std::unique_ptr<DirIndex> finish() && {
    index_->shrink();
    return std::move(index_);
  }

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

bool same_time(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// Without udba=reval it is looked at branches once in this time, so that it costs next to nothing.
constexpr std::int64_t kLookAgain = 1000;

// True if the branches are to be looked at now.
bool is_due(const Engine& engine, Directory& dir) {
  if (engine.options.revalidate) return true;
  const std::int64_t now = sys::coarse_milliseconds();
  if (now - dir.looked < kLookAgain) return false;
  dir.looked = now;
  return true;
}

// With udba=reval attributes of the directory itself count too.
bool is_same(const Engine& engine, const Stamp& then, const Stamp& now) {
  return same_time(then.modified, now.modified) &&
         (!engine.options.revalidate || same_time(then.changed, now.changed));
}

// True if a branch that is in both was changed in between. `after` is in the order of branches.
bool differs(const Engine& engine, const std::vector<Stamp>& before, const std::vector<Stamp>& after) {
  return std::any_of(before.begin(), before.end(), [&](const Stamp& then) {
    const auto now =
        std::lower_bound(after.begin(), after.end(), then.branch,
                         [](const Stamp& stamp, BranchIndex branch) { return stamp.branch < branch; });
    return now != after.end() && now->branch == then.branch && !is_same(engine, then, *now);
  });
}

Stamp stamp_of(const ChainIndex& chain, const chain_format::BlockLayer& layer) {
  return {chain.place_of(layer.layer), from_nanoseconds(layer.changed), from_nanoseconds(layer.modified)};
}

// True if these layers are those of the index. It has none below an opaque one.
bool has_these_layers(const ChainIndex& chain, const ChainIndex::Directory& known,
                      std::span<const BranchIndex> layers) {
  const bool complete =
      known.opaque == kNoBranch ? known.layers.size() == layers.size() : known.layers.size() <= layers.size();
  return complete && !known.layers.empty() &&
         std::equal(
             known.layers.begin(), known.layers.end(), layers.begin(),
             [&](const auto& layer, BranchIndex branch) { return chain.place_of(layer.layer) == branch; });
}

// What the chain index has of the directory in `layers`, the rest of those that it consists of.
std::optional<ChainIndex::Directory> recorded_layers(const Engine& engine, const Directory& dir,
                                                     std::span<const BranchIndex> layers) {
  const ChainIndex* const chain = engine.trusted_chain();
  if (chain == nullptr || dir.record == kNoRecord || layers.front() < chain->base()) return std::nullopt;
  std::optional<ChainIndex::Directory> known = chain->directory(dir.record);
  return known && has_these_layers(*chain, *known, layers) ? known : std::nullopt;
}

// The directory is opaque in `branch`, in which and above which everything was read.
void end_at_opaque(Directory& dir, BranchIndex branch) {
  dir.opaque = branch;
  drop_layers_below(dir, branch);
}

// The rest of the directory, from the first of these layers down, as the chain index has it.
void add_recorded(const ChainIndex& chain, const ChainIndex::Directory& known, Directory& dir,
                  Merger& merger) {
  merger.add(chain, known);
  for (const auto& layer : known.layers) dir.stamps.push_back(stamp_of(chain, layer));
  if (known.opaque != kNoBranch) end_at_opaque(dir, chain.place_of(known.opaque));
}

}  // namespace

Result<std::unique_ptr<DirIndex>> merge_directory(Engine& engine, const NodePtr& dir) {
  Merger merger(engine);
  const std::vector<Stamp> before = std::move(dir->dir->stamps);
  dir->dir->stamps.clear();
  dir->dir->looked = sys::coarse_milliseconds();
  dir->dir->stale = false;
  ++dir->dir->reading;
  const std::vector<BranchIndex> layers = layer_branches(*dir);
  LayerReader reader(engine, dir, layers);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (const auto known = recorded_layers(engine, *dir->dir, std::span(layers).subspan(i))) {
      add_recorded(*engine.chain, *known, *dir->dir, merger);
      break;
    }
    AUFS_TRY(const Layer layer, reader.read(i));
    dir->dir->stamps.push_back(layer.stamp);
    merger.add(layers[i], layer.names);
    // AUFS does not look for the marker in the root of a branch.
    if (layer.names.opaque && dir != engine.root) {
      end_at_opaque(*dir->dir, layers[i]);
      break;
    }
  }
  if (differs(engine, before, dir->dir->stamps)) ++dir->dir->edits;
  return std::move(merger).finish();
}

Result<DirIndex*> ensure_index(Engine& engine, const NodePtr& dir) {
  Directory& directory = *dir->dir;
  if (directory.removed) return Error{ENOENT, "directory"};
  if (!directory.index || !is_current(engine, dir)) {
    directory.index.reset();
    AUFS_TRY(directory.index, merge_directory(engine, dir));
    int subdirs = 0;
    for (const auto [name, entry] : *directory.index)
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
  if (!is_due(engine, *dir->dir)) return true;
  const auto& stamps = dir->dir->stamps;
  const bool same = std::all_of(stamps.begin(), stamps.end(), [&](const Stamp& stamp) {
    const Result<SharedFd> layer = dir_fd(engine, dir, stamp.branch);
    const Result<Stamp> now = layer ? stamp_of(stamp.branch, (*layer)->get()) : layer.error();
    if (now && is_same(engine, stamp, *now)) return true;
    const ChainIndex* const chain = engine.trusted_chain();
    if (chain != nullptr && stamp.branch >= chain->base()) engine.chain_trust = ChainTrust::kWrong;
    return false;
  });
  if (!same) dir->dir->looked = 0;  // whoever asks next is told so too, until it is read anew
  return same;
}

bool is_listing_kept(Engine& engine, const NodePtr& dir) {
  const std::shared_lock guard(dir->dir->lock);
  const bool current = !dir->dir->index || is_current(engine, dir);
  const std::uint32_t edits = dir->dir->edits;
  return dir->dir->listed.exchange(edits) == edits && current;
}

bool is_edited(const Engine& engine, const NodePtr& dir) {
  return engine.options.revalidate || dir->dir->edits != 0;
}

void note_own_change(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  // Its whiteouts may be others, and those are entries too.
  if (engine.options.show_whiteouts) dir->dir->stale = true;
  if (!dir->dir->index) return;
  const Result<SharedFd> layer = dir_fd(engine, dir, branch);
  if (!layer) return;
  const Result<Stamp> now = stamp_of(branch, (*layer)->get());
  if (!now) return;
  auto& stamps = dir->dir->stamps;
  const auto known =
      std::find_if(stamps.begin(), stamps.end(), [&](const Stamp& stamp) { return stamp.branch == branch; });
  if (known != stamps.end()) *known = *now;
  else stamps.push_back(*now);
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
