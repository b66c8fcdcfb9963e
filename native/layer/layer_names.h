// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace aufs::layer {

// What one directory of a layer holds, sorted: entries that are seen, names that it hides, and whether it hides all that
// is below. Housekeeping of a union (`.wh..wh.*`) is left out.
struct LayerNames {
  std::map<std::string, unsigned char> entries;  // name -> DT_*
  std::set<std::string> whiteouts;
  bool opaque = false;
};

// `dir` is an open directory (O_PATH will do).
Result<LayerNames> read_names(int dir);

// A directory as the parents of a layer show it: the directories that merge into it, topmost first.
class LowerView {
 public:
  LowerView() = default;
  // Opens the parents' roots, topmost first.
  static Result<LowerView> open(const std::vector<std::string>& parents);

  bool exists() const noexcept { return !layers_.empty(); }
  // DT_* of what is seen under `name`, or DT_UNKNOWN if nothing is.
  Result<unsigned char> type_of(const std::string& name) const;
  // The view of the subdirectory `name`; of nothing if there is none.
  Result<LowerView> child(const std::string& name) const;
  // All names that are seen, with their types.
  std::map<std::string, unsigned char> seen() const;
  int top() const noexcept { return layers_.front().fd.get(); }

 private:
  struct Layer {
    UniqueFd fd;
    LayerNames names;
  };
  // Adds a directory below the others, unless one of them is opaque.
  Status add(UniqueFd fd);
  std::vector<Layer> layers_;
};

}  // namespace aufs::layer
