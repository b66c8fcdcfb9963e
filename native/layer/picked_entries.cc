// SPDX-License-Identifier: MIT
#include "layer/picked_entries.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <utility>

#include "sys/file_io.h"

namespace aufs::layer {

Result<PickedEntries> PickedEntries::open(const std::vector<std::string>& diffs, std::vector<Pick> picks) {
  PickedEntries entries;
  for (const std::string& diff : diffs) {
    AUFS_TRY(UniqueFd root, sys::open_at(AT_FDCWD, diff.c_str(), O_RDONLY | O_DIRECTORY));
    entries.layers_.emplace_back(std::move(root));
  }
  const int layers = static_cast<int>(diffs.size());
  const bool known = std::all_of(picks.begin(), picks.end(), [&](const Pick& pick) {
    return pick.layer >= Pick::kWhiteout && pick.layer < layers;
  });
  if (!known) return Error{EINVAL, "pick"};
  entries.picks_ = std::move(picks);
  return entries;
}

Result<std::optional<WalkEntry>> PickedEntries::next() {
  while (next_ < picks_.size()) {
    const Pick& pick = picks_[next_++];
    path_ = pick.path;
    AUFS_TRY(WalkEntry entry, look(pick));
    if (!S_ISSOCK(entry.st.st_mode)) return std::optional<WalkEntry>(std::move(entry));
  }
  return std::optional<WalkEntry>();
}

Result<WalkEntry> PickedEntries::look(const Pick& pick) {
  const std::size_t slash = pick.path.rfind('/');
  const bool top = slash == std::string::npos;
  const std::string name = top ? pick.path : pick.path.substr(slash + 1);
  if (pick.layer == Pick::kWhiteout) {
    WalkEntry entry{-1, name, pick.path, {}, {}, -1, true};
    entry.st.st_mode = S_IFREG | 0444;
    return entry;
  }
  LayerRoot& layer = layers_[static_cast<std::size_t>(pick.layer)];
  AUFS_TRY(const int dir, layer.find(top ? std::string() : pick.path.substr(0, slash)));
  AUFS_TRY(WalkEntry entry, look_at(dir, name, pick.path, DT_UNKNOWN));
  if (S_ISDIR(entry.st.st_mode)) {
    AUFS_TRY(entry.fd, sys::open_at(dir, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
    entry.opened = entry.fd.get();
  }
  return entry;
}

}  // namespace aufs::layer
