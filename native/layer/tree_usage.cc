// SPDX-License-Identifier: MIT
#include "layer/tree_usage.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>

#include <set>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "layer/levels.h"
#include "sys/directory.h"
#include "sys/file_extents.h"
#include "sys/file_io.h"
#include "sys/file_system.h"

namespace aufs::layer {
namespace {

constexpr std::uint64_t kBlock = 512;  // of st_blocks, on every file system

class Counter {
 public:
  Counter(dev_t dev, bool can_share) : dev_(dev), can_share_(can_share) {}

  // `name` in `dir`, or `dir` itself.
  void add(int dir, const char* name, const struct stat& st) {
    const bool file = !S_ISDIR(st.st_mode);
    if (file && st.st_nlink > 1 && !counted_.insert(st.st_ino).second) return;
    usage_.bytes_on_disk += static_cast<std::uint64_t>(st.st_blocks) * kBlock;
    if (file) usage_.apparent_bytes += static_cast<std::uint64_t>(st.st_size);
    if (can_share_ && S_ISREG(st.st_mode) && st.st_blocks > 0) add_shared(dir, name);
  }

  // What is in the open directory.
  Status visit(int dir) {
    std::vector<std::string> names;
    AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
      names.emplace_back(entry.name);
      return true;
    }));
    for (const std::string& name : names) {
      const Result<struct stat> st = sys::stat_at(dir, name.c_str());
      if (failed_with(st, ENOENT) || (st && st->st_dev != dev_)) continue;
      if (!st) return st.error();
      ++usage_.entries;
      add(dir, name.c_str(), *st);
      if (S_ISDIR(st->st_mode)) AUFS_CHECK(visit_child(dir, name));
    }
    return ok();
  }

  const TreeUsage& usage() const { return usage_; }

 private:
  Status visit_child(int dir, const std::string& name) {
    const Result<UniqueFd> child = sys::open_at(dir, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (failed_with(child, ENOENT) || failed_with(child, ENOTDIR)) return ok();
    if (!child) return child.error();
    return levels_.below([&] { return visit(child->get()); });
  }

  void add_shared(int dir, const char* name) {
    if (!usage_.shared_bytes) return;
    const Result<UniqueFd> file =
        *name == '\0' ? sys::reopen(dir, O_RDONLY | O_NONBLOCK)
                      : sys::open_at(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (failed_with(file, ENOENT)) return;
    const Result<std::uint64_t> shared = file ? sys::shared_bytes(file->get()) : file.error();
    if (shared) *usage_.shared_bytes += *shared;
    else usage_.shared_bytes.reset();
  }

  const dev_t dev_;
  const bool can_share_;
  std::set<ino_t> counted_;  // files with several names
  Levels levels_;
  TreeUsage usage_;
};

// File systems without reflinks, where no file need be opened.
bool can_share(long magic) {
  return magic != EXT4_SUPER_MAGIC && magic != TMPFS_MAGIC && magic != RAMFS_MAGIC;
}

}  // namespace

Result<TreeUsage> tree_usage(const std::string& path) {
  const Result<UniqueFd> root = sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_NOFOLLOW);
  if (failed_with(root, ENOENT)) return TreeUsage{};
  if (!root) return root.error();
  AUFS_TRY(const struct stat st, sys::stat_fd(root->get()));
  AUFS_TRY(const long magic, sys::file_system_magic(root->get()));
  Counter counter(st.st_dev, can_share(magic));
  counter.add(root->get(), "", st);
  if (S_ISDIR(st.st_mode)) AUFS_CHECK(counter.visit(root->get()));
  return counter.usage();
}

}  // namespace aufs::layer
