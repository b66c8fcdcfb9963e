// SPDX-License-Identifier: MIT
#include "layer/assemble_archive.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <string_view>

#include "layer/archive_error.h"
#include "layer/entry_path.h"
#include "sys/file_io.h"

namespace aufs::layer {
namespace {

constexpr Error kOtherSize = changed("archive: a file of the layer is not as long as it was");

}  // namespace

Result<std::unique_ptr<AssembleArchive>> AssembleArchive::open(const std::string& diff) {
  AUFS_TRY(UniqueFd root, sys::open_at(AT_FDCWD, diff.c_str(), O_RDONLY | O_DIRECTORY));
  return std::unique_ptr<AssembleArchive>(new AssembleArchive(LayerRoot(std::move(root))));
}

Result<std::size_t> AssembleArchive::read(std::span<std::byte> into) {
  std::size_t filled = 0;
  while (filled < into.size() && !pieces_.empty()) {
    AUFS_TRY(const std::size_t added, step(into.subspan(filled)));
    filled += added;
  }
  return filled;
}

Result<std::size_t> AssembleArchive::step(std::span<std::byte> into) {
  if (const auto* bytes = std::get_if<std::string>(&pieces_.front())) {
    const std::size_t fits = std::min<std::uint64_t>(into.size(), bytes->size() - at_);
    std::memcpy(into.data(), bytes->data() + at_, fits);
    at_ += fits;
    if (at_ == bytes->size()) {
      pieces_.pop_front();
      at_ = 0;
    }
    return fits;
  }
  const Stored& stored = *std::get_if<Stored>(&pieces_.front());
  if (!file_) AUFS_CHECK(open_file(stored));
  const std::size_t wanted = std::min<std::uint64_t>(into.size(), stored.size - at_);
  AUFS_TRY(const std::size_t got, sys::pread(file_.get(), into.first(wanted), static_cast<off_t>(at_)));
  if (got == 0 && wanted > 0) return kOtherSize;
  crc_.add(into.first(got));
  at_ += got;
  if (at_ == stored.size) {
    AUFS_CHECK(close_file(stored));
    pieces_.pop_front();
    at_ = 0;
  }
  return got;
}

Status AssembleArchive::open_file(const Stored& stored) {
  path_ = stored.name;
  AUFS_TRY(const EntryPath path, clean_path(stored.name));
  if (path.is_root() || path.role != Role::kPlain)
    return unsafe("archive: the record names no file of the layer");
  AUFS_TRY(const int dir, root_.find(path.dir));
  AUFS_TRY(file_, sys::open_at(dir, path.name.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK));
  AUFS_TRY(const struct stat st, sys::stat_fd(file_.get()));
  if (!S_ISREG(st.st_mode) || static_cast<std::uint64_t>(st.st_size) != stored.size) return kOtherSize;
  crc_ = Crc64();
  return ok();
}

Status AssembleArchive::close_file(const Stored& stored) {
  file_.reset();
  const auto crc = crc_.bytes();
  if (stored.crc.empty() || stored.crc == std::string_view(crc.data(), crc.size())) return ok();
  return changed("archive: a file of the layer is not what it was");
}

}  // namespace aufs::layer
