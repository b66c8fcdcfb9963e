// SPDX-License-Identifier: MIT
#include "layer/produce_archive.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>

#include "layer/archive_error.h"
#include "layer/capability.h"
#include "layer/file_extents.h"
#include "layer/tar_format.h"
#include "layer/xattr_rules.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "sys/open_file_attributes.h"

namespace aufs::layer {
namespace {

EntryType type_of(mode_t mode) {
  switch (mode & static_cast<mode_t>(S_IFMT)) {
    case S_IFDIR: return EntryType::kDirectory;
    case S_IFLNK: return EntryType::kSymlink;
    case S_IFCHR: return EntryType::kCharDevice;
    case S_IFBLK: return EntryType::kBlockDevice;
    case S_IFIFO: return EntryType::kFifo;
    default: return EntryType::kFile;
  }
}

struct timespec time_of(const struct stat& st, const ProduceOptions& options) {
  struct timespec time = st.st_mtim;
  if (options.docker) time.tv_nsec = 0;
  if (options.latest_time && time.tv_sec >= *options.latest_time) time = {*options.latest_time, 0};
  return time;
}

}  // namespace

Result<std::unique_ptr<ProduceArchive>> ProduceArchive::open(const std::string& diff,
                                                             const ProduceOptions& options) {
  AUFS_TRY(LayerWalk walk, LayerWalk::open(diff));
  return std::make_unique<ProduceArchive>(std::make_unique<LayerWalk>(std::move(walk)), options);
}

Result<std::size_t> ProduceArchive::read(std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size()) {
    AUFS_TRY(const std::size_t added, step(into.subspan(filled)));
    if (added == 0 && ended_ && pending_at_ == pending_.size()) break;
    filled += added;
  }
  progress_.bytes += filled;
  return filled;
}

// Gives out what is due, or goes on to the next entry (and gives out nothing).
Result<std::size_t> ProduceArchive::step(std::span<std::byte> into) {
  if (pending_at_ < pending_.size()) {
    const std::size_t fits = std::min(into.size(), pending_.size() - pending_at_);
    std::memcpy(into.data(), pending_.data() + pending_at_, fits);
    pending_at_ += fits;
    return fits;
  }
  if (extent_ < extents_.size()) return copy_data(into);
  if (padding_ > 0) {
    const std::size_t fits = std::min<std::uint64_t>(into.size(), padding_);
    std::memset(into.data(), 0, fits);
    padding_ -= fits;
    return fits;
  }
  if (!ended_) AUFS_CHECK(next_entry());
  return std::size_t{0};
}

Result<std::size_t> ProduceArchive::copy_data(std::span<std::byte> into) {
  const Extent& extent = extents_[extent_];
  const std::size_t wanted = std::min<std::uint64_t>(into.size(), extent.length - within_);
  if (wanted > 0) {
    AUFS_TRY(const std::size_t got,
             sys::pread(file_.get(), into.first(wanted), static_cast<off_t>(extent.offset + within_)));
    if (got == 0) return changed("archive: a file got shorter while it was read");
    within_ += got;
    if (within_ < extent.length) return got;
    ++extent_;
    within_ = 0;
    return got;
  }
  ++extent_;
  return std::size_t{0};
}

Status ProduceArchive::next_entry() {
  pending_at_ = 0;
  extents_.clear();
  extent_ = 0;
  file_.reset();
  AUFS_TRY(std::optional<WalkEntry> found, source_->next());
  if (!found) {
    // The last step: what is pending now is given out, then nothing comes any more.
    pending_ = format_end();
    ended_ = true;
    return ok();
  }
  AUFS_TRY(const TarEntry entry, describe(*found));
  pending_ = format_entry(entry);
  padding_ = padding_after(entry.stored);
  if (entry.stored > 0) {
    extents_ = entry.extents;
    file_ = std::move(found->fd);
  }
  ++progress_.entries;
  return ok();
}

Result<TarEntry> ProduceArchive::describe(WalkEntry& found) {
  TarEntry entry;
  entry.type = found.whiteout ? EntryType::kFile : type_of(found.st.st_mode);
  entry.path = found.path;
  entry.mode = found.st.st_mode & (options_.docker ? ~mode_t{0} : mode_t{07777});
  entry.uid = found.st.st_uid;
  entry.gid = found.st.st_gid;
  entry.mtime = time_of(found.st, options_);
  if (found.whiteout) return entry;
  if (entry.type == EntryType::kDirectory) {
    entry.path += '/';
  } else if (found.st.st_nlink > 1) {
    const auto [first, is_first] = first_names_.try_emplace({found.st.st_dev, found.st.st_ino}, found.path);
    if (!is_first) {
      entry.type = EntryType::kHardLink;
      entry.link = first->second;
      return entry;
    }
  }
  AUFS_CHECK(add_xattrs(found, entry));
  if (entry.type == EntryType::kFile) AUFS_CHECK(describe_file(found, entry));
  if (entry.type == EntryType::kSymlink) {
    AUFS_TRY(entry.link, sys::readlink(found.dir, found.name.c_str()));
  }
  if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice)
    entry.device = found.st.st_rdev;
  return entry;
}

Status ProduceArchive::describe_file(WalkEntry& found, TarEntry& entry) {
  entry.size = static_cast<std::uint64_t>(found.st.st_size);
  entry.stored = entry.size;
  entry.extents = {{0, entry.size}};
  if (!options_.sparse || !may_have_holes(found.st)) return ok();
  AUFS_TRY(Extents extents, find_extents(found.fd.get(), entry.size));
  std::uint64_t data = 0;
  for (const Extent& extent : extents) data += extent.length;
  if (data == entry.size) return ok();
  entry.sparse = true;
  entry.stored = data;
  entry.extents = std::move(extents);
  return ok();
}

Status ProduceArchive::add_xattrs(const WalkEntry& found, TarEntry& entry) const {
  const char* name = found.name.c_str();
  const bool open = found.opened >= 0;
  AUFS_TRY(const std::string keys,
           open ? sys::list_open_xattr(found.opened) : sys::list_xattr(found.dir, name));
  for (std::size_t at = 0; at < keys.size();) {
    const std::string key(keys.c_str() + at);
    at += key.size() + 1;
    const bool wanted = options_.docker ? key == xattr::kCapability : xattr::is_archived(key);
    if (!wanted) continue;
    Result<std::string> value =
        open ? sys::get_open_xattr(found.opened, key.c_str()) : sys::get_xattr(found.dir, name, key.c_str());
    if (failed_with(value, ENODATA) || failed_with(value, EPERM)) continue;
    if (!value) return value.error();
    entry.xattrs.emplace_back(key, options_.docker ? without_namespace(*value) : *std::move(value));
  }
  std::sort(entry.xattrs.begin(), entry.xattrs.end());
  return ok();
}

}  // namespace aufs::layer
