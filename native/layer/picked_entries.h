// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "layer/layer_root.h"
#include "layer/layer_walk.h"

namespace aufs::layer {

// One path of an archive, and which of several layers it is taken from.
struct Pick {
  static constexpr int kWhiteout = -1;

  std::string path;  // clean, as in LayerRoot; of a whiteout its own, with `.wh.`
  int layer;         // an index, or kWhiteout: in no layer, made for this archive
};

// Entries of several layers in the order given, a directory without what is in it. Sockets are left out. No symlink is followed,
// and nothing outside of the layers is reached.
class PickedEntries final : public EntrySource {
 public:
  // Errors: those of opening a layer; EINVAL if a pick names none.
  static Result<PickedEntries> open(const std::vector<std::string>& diffs, std::vector<Pick> picks);

  Result<std::optional<WalkEntry>> next() override;
  const std::string& path() const noexcept override { return path_; }

 private:
  Result<WalkEntry> look(const Pick& pick);

  std::vector<LayerRoot> layers_;
  std::vector<Pick> picks_;
  std::size_t next_ = 0;
  std::string path_;
};

}  // namespace aufs::layer
