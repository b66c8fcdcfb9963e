// SPDX-License-Identifier: MIT
#include "union/branch_overlap.h"

#include <fcntl.h>

#include <map>
#include <set>
#include <utility>

#include "base/unique_fd.h"
#include "sys/file_io.h"
#include "sys/mount_id.h"

namespace aufs {
namespace {

using sys::Position;
using Number = std::pair<dev_t, ino_t>;  // by which a directory is known, however it is reached

constexpr int kMaxDepth = 4096;  // directories between one and the root; more is a loop of bind mounts

class Search {
 public:
  // Notes where the directories are. Gives the first that is there twice.
  Result<std::optional<Overlap>> note(const std::vector<int>& directories) {
    for (std::size_t number = 0; number < directories.size(); ++number) {
      AUFS_TRY(const Position position, sys::position_of(directories[number]));
      const auto [known, is_new] = given_.emplace(Number(position.device, position.inode), number);
      if (!is_new) return std::optional(Overlap{number, known->second, true});
      positions_.push_back(position);
    }
    return std::optional<Overlap>();
  }

  // The number of the one of them that the `number`th, which `directory` is, lies below.
  Result<std::optional<std::size_t>> above(std::size_t number, int directory) {
    std::vector<Position> passed{positions_[number]};
    UniqueFd at;
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      Result<UniqueFd> parent = sys::open_at(at ? at.get() : directory, "..", O_PATH | O_DIRECTORY);
      if (!parent) break;
      AUFS_TRY(const Position position, sys::position_of(parent->get()));
      if (passed.back().is_same_directory(position)) break;  // the root
      const auto found = given_.find(Number(position.device, position.inode));
      if (found != given_.end()) return std::optional(found->second);
      if (position.mount != 0 && clear_.count(position) > 0) break;
      passed.push_back(position);
      at = *std::move(parent);
    }
    clear_.insert(passed.begin(), passed.end());
    return std::optional<std::size_t>();
  }

 private:
  std::vector<Position> positions_;
  std::map<Number, std::size_t> given_;
  std::set<Position> clear_;  // none of those given is above
};

}  // namespace

Result<std::optional<Overlap>> find_overlap(const std::vector<int>& directories) {
  Search search;
  AUFS_TRY(const std::optional<Overlap> twice, search.note(directories));
  if (twice) return twice;
  for (std::size_t number = 0; number < directories.size(); ++number) {
    AUFS_TRY(const std::optional<std::size_t> outer, search.above(number, directories[number]));
    if (outer) return std::optional(Overlap{number, *outer, false});
  }
  return std::optional<Overlap>();
}

}  // namespace aufs
