// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "union/at_once.h"
#include "union/engine.h"

namespace aufs {

// What one branch has in a directory.
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

struct Layer {
  Stamp stamp;  // from before it was read
  LayerNames names;
};

// When a layer of a directory last changed. `layer`: its descriptor.
Result<Stamp> stamp_of(BranchIndex branch, int layer);

// Reads the layers of a directory one after the other, and several at a time as soon as that has to wait for the disk: a deep stack of directories
// that nobody has in memory then takes a fraction of the time. The caller holds the directory's lock, and tree_lock.
class LayerReader {
 public:
  // `layers`, topmost first, must live as long.
  LayerReader(Engine& engine, const NodePtr& dir, std::span<const BranchIndex> layers);

  // The layer at this place, each time one further down. Errors: as open(2) and getdents(2); EIO: something that is no file has the name of an opaque marker.
  Result<Layer> read(std::size_t place);

 private:
  Result<Layer> read_one(BranchIndex branch) const;
  std::size_t end_for_several() const;
  void read_several(std::size_t first);

  Engine& engine_;
  const NodePtr& dir_;
  const std::span<const BranchIndex> layers_;
  const std::size_t end_;  // of those that may be read several at a time
  const DiskWatch disk_;
  std::size_t first_ = 0;  // the place of the first one of `ahead_`
  std::vector<std::optional<Result<Layer>>> ahead_;
};

}  // namespace aufs
