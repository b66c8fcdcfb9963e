// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "union/union_fs.h"

namespace aufs::node {

// Whether a symlink in the last place of a path is followed; those before it always are.
enum class Last { kFollow, kKeep };

// Where a path leads. The root of the union is named "." in itself, and so is a directory that the path reaches
// through "." or "..".
struct Walked {
  NodePtr parent;
  std::string name;
  std::optional<Found> found;  // empty: there is no `name` in `parent`
  bool trailing_slash = false;
  std::vector<std::string> names;  // from the root to the parent, without symlinks
};

// Resolves `path` inside the union as a process whose root (and working directory) the union is: ".." of the root is
// the root, an absolute symlink starts at the root again.
// Errors: ENOENT (a directory on the way is missing, or `path` is empty), ENOTDIR, ELOOP (more than 40 symlinks),
// ENAMETOOLONG (4096 bytes or more), EPERM (a name with the whiteout prefix), those of UnionFs::lookup.
Result<Walked> walk(UnionFs& fs, std::string_view path, Last last);

// The same where there must be something: ENOENT if there is not, ENOTDIR for "file/".
Result<Found> find(UnionFs& fs, std::string_view path, Last last);

// Finds one path after the other as find() does, following symlinks; of paths next to each other in one directory, that directory is
// looked up once. For as long as nobody waits in between. Not thread-safe.
class NearbyPaths {
 public:
  explicit NearbyPaths(UnionFs& fs) : fs_(fs) {}
  Result<Found> find(const std::string& path);

 private:
  UnionFs& fs_;
  std::string directory_;  // up to the last slash, as it was given
  NodePtr parent_;         // where that led to; null: nothing is known
};

// The absolute path without symlinks, "." or ".." of something that is there.
Result<std::string> real_path(UnionFs& fs, std::string_view path);

}  // namespace aufs::node
