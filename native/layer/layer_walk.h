// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace aufs::layer {

// One entry of a layer, as the walk comes by it.
struct WalkEntry {
  int dir;  // the directory that it is in; valid until the next step of the walk
  std::string name;
  std::string path;  // from the layer's root, without a slash at either end
  struct stat st;
  UniqueFd fd;            // open for reading if it is a regular file
  int opened = -1;        // that, or a directory's own; -1 for anything else
  bool whiteout = false;  // or an opaque marker
};

// What an archive is made of, entry by entry.
class EntrySource {
 public:
  virtual ~EntrySource() = default;
  // Empty at the end. Errors: those of opening and reading; path() tells where.
  virtual Result<std::optional<WalkEntry>> next() = 0;
  virtual const std::string& path() const noexcept = 0;

 protected:
  EntrySource() = default;
  EntrySource(EntrySource&&) = default;
  EntrySource& operator=(EntrySource&&) = default;
};

// The entry `name` of the open directory `dir`, opened if it is a regular file. `type` is a hint: a `DT_*`.
Result<WalkEntry> look_at(int dir, const std::string& name, const std::string& path, unsigned char type);

// All entries of a layer but its root: a directory before what is in it, in each directory the opaque marker, then whiteouts, then
// everything else, sorted by bytes. Housekeeping (`.wh..wh.*`) and sockets, which no archive can hold, are left out.
// No symlink is followed.
class LayerWalk final : public EntrySource {
 public:
  static Result<LayerWalk> open(const std::string& diff);

  Result<std::optional<WalkEntry>> next() override;
  const std::string& path() const noexcept override { return path_; }

 private:
  struct Name {
    std::string name;
    unsigned char type;
    int rank;
  };
  struct Level {
    UniqueFd dir;
    std::size_t path_size;  // of the directory's path
    std::vector<Name> names;
    std::size_t next = 0;
  };

  Status enter(UniqueFd dir);
  static Result<std::vector<Name>> names_of(int dir);
  Result<WalkEntry> look(const Level& level, const Name& name) const;

  std::vector<Level> levels_;
  std::string path_;
};

}  // namespace aufs::layer
