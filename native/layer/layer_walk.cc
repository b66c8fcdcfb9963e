// SPDX-License-Identifier: MIT
#include "layer/layer_walk.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "sys/directory.h"
#include "sys/file_io.h"
#include "union/whiteout.h"

namespace aufs::layer {
namespace {

using whiteout::Kind;

constexpr int kQuiet = O_RDONLY | O_NOFOLLOW | O_NONBLOCK;

int rank_of(Kind kind) {
  switch (kind) {
    case Kind::kOpaque: return 0;
    case Kind::kWhiteout: return 1;
    default: return 2;
  }
}

// O_NOATIME is for owners and privileged processes only.
Result<UniqueFd> open_quietly(int dir, const char* name) {
  Result<UniqueFd> quiet = sys::open_at(dir, name, kQuiet | O_NOATIME);
  return failed_with(quiet, EPERM) ? sys::open_at(dir, name, kQuiet) : std::move(quiet);
}

}  // namespace

Result<WalkEntry> look_at(int dir, const std::string& name, const std::string& path, unsigned char type) {
  WalkEntry entry{dir, name, path, {}, {}, -1, false};
  if (type == DT_REG) {
    AUFS_TRY(entry.fd, open_quietly(dir, name.c_str()));
    AUFS_TRY(entry.st, sys::stat_fd(entry.fd.get()));
  } else {
    AUFS_TRY(entry.st, sys::stat_at(dir, name.c_str()));
    if (S_ISREG(entry.st.st_mode)) {
      AUFS_TRY(entry.fd, open_quietly(dir, name.c_str()));
    }
  }
  entry.opened = entry.fd.get();
  return entry;
}

Result<LayerWalk> LayerWalk::open(const std::string& diff) {
  LayerWalk walk;
  AUFS_TRY(UniqueFd root, sys::open_at(AT_FDCWD, diff.c_str(), O_RDONLY | O_DIRECTORY));
  AUFS_CHECK(walk.enter(std::move(root)));
  return walk;
}

Status LayerWalk::enter(UniqueFd dir) {
  AUFS_TRY(std::vector<Name> names, names_of(dir.get()));
  levels_.push_back({std::move(dir), path_.size(), std::move(names)});
  return ok();
}

Result<std::vector<LayerWalk::Name>> LayerWalk::names_of(int dir) {
  std::vector<Name> names;
  AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
    const Kind kind = whiteout::classify(entry.name);
    if (kind != Kind::kMeta && entry.type != DT_SOCK) {
      names.push_back({std::string(entry.name), entry.type, rank_of(kind)});
    }
    return true;
  }));
  std::sort(names.begin(), names.end(),
            [](const Name& a, const Name& b) { return std::tie(a.rank, a.name) < std::tie(b.rank, b.name); });
  return names;
}

Result<std::optional<WalkEntry>> LayerWalk::next() {
  while (!levels_.empty()) {
    Level& level = levels_.back();
    path_.resize(level.path_size);
    if (level.next == level.names.size()) {
      levels_.pop_back();
      continue;
    }
    const Name& name = level.names[level.next++];
    if (!path_.empty()) path_ += '/';
    path_.append(name.name);
    AUFS_TRY(WalkEntry entry, look(level, name));
    if (S_ISSOCK(entry.st.st_mode)) continue;
    if (S_ISDIR(entry.st.st_mode)) {
      const std::size_t above = levels_.size() - 1;
      AUFS_TRY(UniqueFd dir,
               sys::open_at(entry.dir, entry.name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW));
      entry.opened = dir.get();
      AUFS_CHECK(enter(std::move(dir)));
      entry.dir = levels_[above].dir.get();
    }
    return std::optional<WalkEntry>(std::move(entry));
  }
  return std::optional<WalkEntry>();
}

Result<WalkEntry> LayerWalk::look(const Level& level, const Name& name) const {
  if (name.rank == 2) return look_at(level.dir.get(), name.name, path_, name.type);
  WalkEntry entry{level.dir.get(), name.name, path_, {}, {}, -1, true};
  AUFS_TRY(entry.st, sys::stat_at(entry.dir, name.name.c_str()));
  return entry;
}

}  // namespace aufs::layer
