// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"

namespace aufs::layer {

enum class ChangeKind : char { kAdded = 'A', kChanged = 'C', kDeleted = 'D' };

struct Change {
  ChangeKind kind;
  std::string path;    // absolute within the layer, "/etc/hosts"
  unsigned char type;  // DT_*; for a deletion that of what was deleted
  std::uint64_t size;  // apparent size of a regular file in bytes, else 0
};

// What the layer `diff` changes in the union of `parents` (topmost first), sorted by path.
//
// Rules (Docker's aufs driver, "Changes", with its quirks mended): an entry of the layer is an addition, or a change if the
// parents show something under its path; a whiteout is a deletion if they do; a directory that both have is a change only if its
// mode, owner or modification time differ, or if something in it was added or deleted. Whiteouts between parents count. In
// an opaque directory what the parents show and the layer has not is deleted. Housekeeping (`.wh..wh.*`) never shows.
// Cost: the layer, and those directories of the parents that the layer has too.
// Errors: ENOENT/ENOTDIR if a directory is missing; those of reading directories.
Result<std::vector<Change>> find_changes(const std::string& diff, const std::vector<std::string>& parents);

// Bytes of all files of a layer, each inode once, directories not counted (Docker's DiffSize).
Result<std::uint64_t> diff_size(const std::string& diff);
// The same of the open directory `diff`.
Result<std::uint64_t> diff_size(int diff);

}  // namespace aufs::layer
