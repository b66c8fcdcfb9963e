// SPDX-License-Identifier: MIT
#include "layer/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "layer/levels.h"
#include "sys/directory.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "sys/process_control.h"
#include "union/copy_data.h"
#include "union/metadata.h"
#include "union/whiteout.h"

namespace aufs::layer {
namespace {

class TreeCopy {
 public:
  TreeCopy(int to_root, Owner owner) : to_root_(to_root), takes_over_(owner == Owner::kIfPermitted) {}

  Status directory(int from, int to, const std::string& path) {
    std::vector<std::string> names;
    AUFS_CHECK(sys::for_each_entry(from, "", [&](const sys::RawEntry& entry) {
      if (!path.empty() || whiteout::classify(entry.name) != whiteout::Kind::kMeta)
        names.emplace_back(entry.name);
      return true;
    }));
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) {
      std::string below = path;
      if (!below.empty()) below += '/';
      AUFS_CHECK(entry(from, to, name, below.append(name)));
      ++outcome_.entries;
    }
    // Last, for entries that are made in it move its times.
    AUFS_TRY(const struct stat st, sys::stat_at(from, ""));
    return copy_metadata(Place::borrowed(from), owned(st), Place::borrowed(to));
  }

  CopyTreeOutcome outcome() const { return outcome_; }

 private:
  // The attributes that the copy gets.
  struct stat owned(struct stat st) const {
    if (!takes_over_ || (st.st_uid == sys::user_id() && st.st_gid == sys::group_id())) return st;
    st.st_uid = sys::user_id();
    st.st_gid = sys::group_id();
    st.st_mode &= ~static_cast<mode_t>(S_ISUID | S_ISGID);
    return st;
  }

  Status entry(int from, int to, const std::string& name, const std::string& path) {
    AUFS_TRY(const struct stat st, sys::stat_at(from, name.c_str()));
    if (S_ISDIR(st.st_mode)) return subdirectory(from, to, name, path);
    if (st.st_nlink > 1) {
      AUFS_TRY(const bool linked, link_to_copy(st, to, name, path));
      if (linked) return ok();
    }
    if (S_ISREG(st.st_mode)) return file(from, to, name, st);
    return special(from, to, name, st);
  }

  Status subdirectory(int from, int to, const std::string& name, const std::string& path) {
    AUFS_TRY(const UniqueFd source, sys::open_directory_here(from, name.c_str()));
    AUFS_CHECK(sys::mkdir(to, name.c_str(), 0700));
    AUFS_TRY(const UniqueFd target, sys::open_directory_here(to, name.c_str()));
    return levels_.below([&] { return directory(source.get(), target.get(), path); });
  }

  // True if the inode was copied under another name already, and this one is a link of it now.
  Result<bool> link_to_copy(const struct stat& st, int to, const std::string& name, const std::string& path) {
    const auto [at, fresh] = copies_.try_emplace({st.st_dev, st.st_ino}, path);
    if (fresh) return false;
    const Status linked = sys::link(to_root_, at->second.c_str(), to, name.c_str());
    if (linked) return true;
    if (linked.error().code != EMLINK) return linked.error();
    at->second = path;  // as many links as this file system can: a new copy takes the next ones
    return false;
  }

  Status file(int from, int to, const std::string& name, const struct stat& st) {
    AUFS_TRY(const UniqueFd source, open_quietly(from, name.c_str()));
    AUFS_TRY(const UniqueFd target,
             sys::open_at(to, name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, 0600));
    AUFS_TRY(const CopyOutcome copied,
             copy_data(source.get(), target.get(), st, st.st_size, SmallFiles::kShared));
    outcome_.bytes += copied.bytes;
    outcome_.method = std::max(outcome_.method, copied.method);
    return copy_metadata(Place::borrowed(from, name), owned(st), Place::borrowed(target.get()));
  }

  static Result<UniqueFd> open_quietly(int dir, const char* name) {
    Result<UniqueFd> quiet = sys::open_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NOATIME);
    return failed_with(quiet, EPERM) ? sys::open_at(dir, name, O_RDONLY | O_NOFOLLOW) : std::move(quiet);
  }

  Status special(int from, int to, const std::string& name, const struct stat& st) {
    if (S_ISLNK(st.st_mode)) {
      AUFS_TRY(const std::string target, sys::readlink(from, name.c_str()));
      AUFS_CHECK(sys::symlink(target.c_str(), to, name.c_str()));
    } else {
      AUFS_CHECK(sys::mknod(to, name.c_str(), st.st_mode, st.st_rdev));
    }
    return copy_metadata(Place::borrowed(from, name), owned(st), Place::borrowed(to, name));
  }

  const int to_root_;
  const bool takes_over_;
  Levels levels_;
  CopyTreeOutcome outcome_;
  std::map<std::pair<dev_t, ino_t>, std::string>
      copies_;  // inodes of several names -> where the first copy is
};

}  // namespace

Result<CopyTreeOutcome> copy_tree(const std::string& from, const std::string& to, Owner owner) {
  AUFS_TRY(const UniqueFd source, sys::open_at(AT_FDCWD, from.c_str(), O_RDONLY | O_DIRECTORY));
  AUFS_TRY(const UniqueFd target, sys::open_at(AT_FDCWD, to.c_str(), O_RDONLY | O_DIRECTORY));
  TreeCopy copy(target.get(), owner);
  AUFS_CHECK(copy.directory(source.get(), target.get(), ""));
  return copy.outcome();
}

}  // namespace aufs::layer
