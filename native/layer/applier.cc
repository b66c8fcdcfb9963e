// SPDX-License-Identifier: MIT
#include "layer/applier.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "layer/archive_error.h"
#include "layer/changes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/remove_tree.h"
#include "union/whiteout.h"

namespace aufs::layer {
namespace {

constexpr int kNewFile = O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW;

mode_t type_bits(EntryType type) {
  switch (type) {
    case EntryType::kCharDevice: return S_IFCHR;
    case EntryType::kBlockDevice: return S_IFBLK;
    default: return S_IFIFO;
  }
}

bool is_device(EntryType type) {
  return type == EntryType::kCharDevice || type == EntryType::kBlockDevice;
}

Error explained_link(Error error) {
  if (error.code == ENOENT) return damaged("archive: a hard link to something that is not there");
  if (error.code == EPERM) return damaged("archive: a hard link to a directory");
  return error;
}

}  // namespace

Result<Applier> Applier::open(const std::string& diff, Owner owner, OrderedWork& work) {
  AUFS_TRY(UniqueFd root, sys::open_at(AT_FDCWD, diff.c_str(), O_RDONLY | O_DIRECTORY));
  AUFS_TRY(const EntryMetadata metadata, EntryMetadata::open(root.get(), owner));
  return Applier(LayerRoot(std::move(root)), metadata, work);
}

Applier::Counts Applier::counts() const noexcept {
  Counts counts = counts_;
  counts.attributes = metadata_.left_behind() + writer_->left_behind();
  counts.implied = root_.made();
  return counts;
}

Result<bool> Applier::begin(const TarEntry& entry) {
  AUFS_TRY(const EntryPath path, clean_path(entry.path));
  switch (path.role) {
    case Role::kPlain: return plain(entry, path);
    case Role::kWhiteout:
    case Role::kOpaque: AUFS_CHECK(whiteout(entry, path)); break;
    case Role::kPseudoLink:
      if (entry.type != EntryType::kFile) break;
      has_pseudo_links_ = true;
      AUFS_CHECK(file(entry, path));
      break;
    case Role::kDropped: ++counts_.dropped; break;
  }
  return false;
}

Result<bool> Applier::plain(const TarEntry& entry, const EntryPath& path) {
  if (path.is_root() && entry.type != EntryType::kDirectory)
    return unsafe("archive: the root of a layer is a directory");
  switch (entry.type) {
    case EntryType::kDirectory: AUFS_CHECK(directory(entry, path)); return false;
    case EntryType::kFile: AUFS_CHECK(file(entry, path)); return true;
    case EntryType::kHardLink: AUFS_CHECK(hard_link(entry, path)); return false;
    case EntryType::kSymlink:
    case EntryType::kCharDevice:
    case EntryType::kBlockDevice:
    case EntryType::kFifo: AUFS_CHECK(special(entry, path)); return false;
  }
  return false;
}

template <typename Make>
Status Applier::make(int dir, const EntryPath& path, Make&& make) {
  const Status made = make();
  if (!failed_with(made, EEXIST)) return made;
  AUFS_CHECK(clear(dir, path));
  return make();
}

Status Applier::clear(int dir, const EntryPath& path) {
  ++counts_.replaced;
  AUFS_TRY(const struct stat st, sys::stat_at(dir, path.name.c_str()));
  if (!S_ISDIR(st.st_mode)) return sys::unlink(dir, path.name.c_str());
  const std::string whole = path.whole();
  root_.forget(whole);
  std::erase_if(directories_, [&](const auto& pending) { return is_within(pending.first, whole); });
  return remove_tree(dir, path.name.c_str());
}

Status Applier::directory(const TarEntry& entry, const EntryPath& path) {
  if (!path.is_root()) {
    AUFS_TRY(const int parent, root_.make(path.dir));
    Status made = sys::mkdir(parent, path.name.c_str(), 0700);
    if (failed_with(made, EEXIST)) {
      AUFS_TRY(const struct stat st, sys::stat_at(parent, path.name.c_str()));
      if (!S_ISDIR(st.st_mode)) {
        AUFS_CHECK(clear(parent, path));
        made = sys::mkdir(parent, path.name.c_str(), 0700);
      } else {
        made = ok();
      }
    }
    AUFS_CHECK(made);
  }
  directories_.insert_or_assign(path.whole(), entry);
  return ok();
}

Status Applier::file(const TarEntry& entry, const EntryPath& path) {
  AUFS_TRY(const int parent, root_.make(path.dir));
  AUFS_CHECK(make(parent, path, [&]() -> Status {
    const mode_t mode = metadata_.creation_mode(entry);
    AUFS_TRY(UniqueFd file, sys::open_at(parent, path.name.c_str(), kNewFile, mode));
    writer_->begin(std::move(file), entry);
    return ok();
  }));
  in_file_ = true;
  extents_ = entry.extents;
  size_ += entry.size;
  extent_ = 0;
  within_ = 0;
  return ok();
}

Status Applier::hard_link(const TarEntry& entry, const EntryPath& path) {
  AUFS_TRY(const EntryPath target, clean_path(entry.link));
  if (target.role != Role::kPlain && target.role != Role::kPseudoLink) {
    return unsafe("archive: a hard link to a reserved name");
  }
  if (target.is_root()) return damaged("archive: a hard link to a directory");
  if (target.whole() == path.whole()) return damaged("archive: a hard link to itself");
  AUFS_TRY(const int parent, root_.make(path.dir));
  return make(parent, path, [&]() -> Status {
    const Result<int> from = root_.find(target.dir);
    if (!from) return explained_link(from.error());
    AUFS_TRY(const int to, root_.find(path.dir));
    const Status linked = sys::link(*from, target.name.c_str(), to, path.name.c_str());
    return linked || linked.error().code == EEXIST ? linked : Status(explained_link(linked.error()));
  });
}

Status Applier::special(const TarEntry& entry, const EntryPath& path) {
  AUFS_TRY(const int parent, root_.make(path.dir));
  if (entry.type == EntryType::kSymlink && entry.link.empty())
    return damaged("archive: a symlink to nothing");
  const Status made = make(parent, path, [&] {
    if (entry.type == EntryType::kSymlink) return sys::symlink(entry.link.c_str(), parent, path.name.c_str());
    return sys::mknod(parent, path.name.c_str(), type_bits(entry.type) | 0600, entry.device);
  });
  if (failed_with(made, EPERM) && is_device(entry.type) && metadata_.takes_over()) {
    ++counts_.devices;
    return ok();
  }
  AUFS_CHECK(made);
  if (entry.type == EntryType::kSymlink) size_ += entry.link.size();
  return metadata_.set_named(parent, path.name.c_str(), entry);
}

// Whatever it is in the archive, only its name counts.
Status Applier::whiteout(const TarEntry& entry, const EntryPath& path) {
  if (entry.type == EntryType::kDirectory) return unsafe("archive: a whiteout is a directory");
  AUFS_TRY(const int parent, root_.make(path.dir));
  TarEntry plain = entry;
  plain.type = EntryType::kFile;
  plain.xattrs.clear();
  AUFS_CHECK(make(parent, path, [&]() -> Status {
    AUFS_TRY(const UniqueFd fd, sys::open_at(parent, path.name.c_str(), kNewFile, 0600));
    return metadata_.set_open(fd.get(), plain);
  }));
  if (path.role == Role::kWhiteout) whiteouts_.push_back(path.whole());
  return ok();
}

void Applier::data(Bytes bytes) {
  while (!bytes.empty() && in_file_) {
    const Extent& extent = extents_[extent_];
    const std::size_t fits = std::min<std::uint64_t>(bytes.size(), extent.length - within_);
    writer_->data(extent.offset + within_, bytes.first(fits));
    bytes = bytes.subspan(fits);
    within_ += fits;
    if (within_ < extent.length) continue;
    ++extent_;
    within_ = 0;
  }
}

void Applier::finish() {
  if (std::exchange(in_file_, false)) writer_->finish();
}

Status Applier::end() {
  for (const std::string& path : whiteouts_) AUFS_CHECK(drop_needless(path));
  if (has_pseudo_links_) {
    root_.forget(whiteout::kPseudoLinks);
    AUFS_CHECK(remove_tree(root_.fd(), std::string(whiteout::kPseudoLinks).c_str()));
  }
  // What was made and went again counted too. Now, while this process can still look into every directory.
  if (counts_.replaced > 0 || has_pseudo_links_) {
    AUFS_TRY(size_, diff_size(root_.fd()));
  }
  return finish_directories();
}

// A whiteout of an archive hides what lies below the layer, not what the layer itself brings, but in a branch it hides
// both: it goes where the layer has the name itself. A directory is made opaque instead.
Status Applier::drop_needless(const std::string& whiteout_path) {
  AUFS_TRY(const EntryPath path, clean_path(whiteout_path));
  const Result<int> parent = root_.find(path.dir);
  if (failed_with(parent, ENOENT) || failed_with(parent, EBADMSG) || failed_with(parent, EXDEV)) return ok();
  if (!parent) return parent.error();
  const std::string hidden(whiteout::hidden_name(path.name));
  const Result<struct stat> st = sys::stat_at(*parent, hidden.c_str());
  if (failed_with(st, ENOENT)) return ok();
  if (!st) return st.error();
  if (S_ISDIR(st->st_mode)) {
    std::string marker = hidden;
    marker.append("/").append(whiteout::kOpaque);
    const Result<UniqueFd> opened = sys::open_at(*parent, marker.c_str(), kNewFile, 0444);
    if (!opened && opened.error().code != EEXIST) return opened.error();
  }
  const Status unlinked = sys::unlink(*parent, path.name.c_str());
  return failed_with(unlinked, ENOENT) ? ok() : unlinked;
}

// The deepest first: a directory without x for its owner cannot be entered any more.
Status Applier::finish_directories() {
  for (auto at = directories_.rbegin(); at != directories_.rend(); ++at) {
    AUFS_TRY(const int fd, root_.find(at->first));
    AUFS_CHECK(metadata_.set_open(fd, at->second));
  }
  directories_.clear();
  return ok();
}

}  // namespace aufs::layer
