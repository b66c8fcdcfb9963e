// SPDX-License-Identifier: MIT
#include "layer/changes.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <set>
#include <utility>

#include "layer/layer_names.h"
#include "layer/levels.h"
#include "sys/directory.h"
#include "sys/file_io.h"
#include "union/whiteout.h"

namespace aufs::layer {
namespace {

bool same_directory(const struct stat& a, const struct stat& b) {
  return a.st_mode == b.st_mode && a.st_uid == b.st_uid && a.st_gid == b.st_gid &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

class Finder {
 public:
  // `hidden`: this directory, or one above it, is opaque: the parents' view is for comparison only.
  Status visit(int dir, const LowerView& below, const std::string& path, bool hidden) {
    AUFS_TRY(const LayerNames names, read_names(dir));
    const bool opaque = hidden || names.opaque;
    for (const auto& [name, type] : names.entries) AUFS_CHECK(entry(dir, below, path, name, type, opaque));
    if (!opaque) {
      for (const std::string& name : names.whiteouts) AUFS_CHECK(whiteout(below, path, name));
      return ok();
    }
    for (const auto& [name, type] : below.seen()) {
      if (names.entries.count(name) == 0) add(ChangeKind::kDeleted, path, name, type, 0);
    }
    return ok();
  }

  std::vector<Change> finish() && {
    for (const std::string& dir : touched_) {
      if (reported_.count(dir) == 0) changes_.push_back({ChangeKind::kChanged, dir, DT_DIR, 0});
    }
    std::sort(changes_.begin(), changes_.end(),
              [](const Change& a, const Change& b) { return a.path < b.path; });
    return std::move(changes_);
  }

 private:
  Status entry(int dir, const LowerView& below, const std::string& path, const std::string& name,
               unsigned char type, bool opaque) {
    AUFS_TRY(const unsigned char lower_type, below.type_of(name));
    AUFS_TRY(const struct stat st, sys::stat_at(dir, name.c_str()));
    if (type != DT_DIR) {
      const auto kind = lower_type == DT_UNKNOWN ? ChangeKind::kAdded : ChangeKind::kChanged;
      add(kind, path, name, type, type == DT_REG ? static_cast<std::uint64_t>(st.st_size) : 0);
      return ok();
    }
    AUFS_TRY(const LowerView inside, below.child(name));
    if (!inside.exists()) {
      add(lower_type == DT_UNKNOWN ? ChangeKind::kAdded : ChangeKind::kChanged, path, name, type, 0);
    } else {
      AUFS_TRY(const struct stat lower, sys::stat_at(inside.top(), ""));
      if (!same_directory(st, lower)) add(ChangeKind::kChanged, path, name, type, 0);
    }
    AUFS_TRY(const UniqueFd sub, sys::open_at(dir, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return levels_.below(
        [&] { return visit(sub.get(), inside, path + "/" + name, opaque && inside.exists()); });
  }

  Status whiteout(const LowerView& below, const std::string& path, const std::string& name) {
    AUFS_TRY(const unsigned char type, below.type_of(name));
    if (type != DT_UNKNOWN) add(ChangeKind::kDeleted, path, name, type, 0);
    return ok();
  }

  void add(ChangeKind kind, const std::string& path, const std::string& name, unsigned char type,
           std::uint64_t size) {
    std::string whole = path + "/" + name;
    if (kind != ChangeKind::kChanged && !path.empty()) touched_.insert(path);
    if (type == DT_DIR) reported_.insert(whole);
    changes_.push_back({kind, std::move(whole), type, size});
  }

  Levels levels_;
  std::vector<Change> changes_;
  std::set<std::string> touched_;   // directories in which something was added or deleted
  std::set<std::string> reported_;  // directories that are in changes_
};

class Sizes {
 public:
  Status add(int dir, bool root) {
    std::vector<std::string> names;
    AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
      if (!root || whiteout::classify(entry.name) != whiteout::Kind::kMeta) names.emplace_back(entry.name);
      return true;
    }));
    for (const std::string& name : names) {
      AUFS_TRY(const struct stat st, sys::stat_at(dir, name.c_str()));
      if (S_ISDIR(st.st_mode)) {
        AUFS_CHECK(add_below(dir, name));
      } else if (st.st_nlink == 1 || counted_.emplace(st.st_dev, st.st_ino).second) {
        total_ += static_cast<std::uint64_t>(st.st_size);
      }
    }
    return ok();
  }

  std::uint64_t total() const { return total_; }

 private:
  Status add_below(int dir, const std::string& name) {
    AUFS_TRY(const UniqueFd sub, sys::open_at(dir, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    return levels_.below([&] { return add(sub.get(), false); });
  }

  Levels levels_;
  std::set<std::pair<dev_t, ino_t>> counted_;
  std::uint64_t total_ = 0;
};

}  // namespace

Result<std::vector<Change>> find_changes(const std::string& diff, const std::vector<std::string>& parents) {
  AUFS_TRY(const UniqueFd root, sys::open_at(AT_FDCWD, diff.c_str(), O_PATH | O_DIRECTORY));
  AUFS_TRY(const LowerView below, LowerView::open(parents));
  Finder finder;
  AUFS_CHECK(finder.visit(root.get(), below, "", false));
  return std::move(finder).finish();
}

Result<std::uint64_t> diff_size(const std::string& diff) {
  AUFS_TRY(const UniqueFd root, sys::open_at(AT_FDCWD, diff.c_str(), O_PATH | O_DIRECTORY));
  return diff_size(root.get());
}

Result<std::uint64_t> diff_size(int diff) {
  Sizes sizes;
  AUFS_CHECK(sizes.add(diff, true));
  return sizes.total();
}

}  // namespace aufs::layer
