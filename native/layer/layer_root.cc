// SPDX-License-Identifier: MIT
#include "layer/layer_root.h"

#include <algorithm>

#include "layer/archive_error.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"

namespace aufs::layer {
namespace {

constexpr std::size_t kKeptOpen = 16;
constexpr mode_t kImpliedMode = 0755;

Error explained(Error error) {
  if (error.code == ELOOP) return unsafe("archive: an entry lies below a symlink");
  if (error.code == EXDEV) return unsafe("archive: an entry lies in another file system");
  if (error.code == ENOTDIR) return damaged("archive: an entry lies below something that is no directory");
  return error;
}

}  // namespace

bool is_within(std::string_view path, std::string_view above) noexcept {
  if (!path.starts_with(above)) return false;
  return above.empty() || path.size() == above.size() || path[above.size()] == '/';
}

Result<int> LayerRoot::find(const std::string& path) {
  if (path.empty()) return root_.get();
  const auto at =
      std::find_if(open_.begin(), open_.end(), [&](const auto& open) { return open.first == path; });
  if (at != open_.end()) {
    std::rotate(open_.begin(), at, at + 1);
    return open_.front().second.get();
  }
  Result<UniqueFd> fd = sys::open_directory_here(root_.get(), path.c_str());
  if (!fd) return explained(fd.error());
  return remember(path, *std::move(fd));
}

Result<int> LayerRoot::make(const std::string& path) {
  Result<int> found = find(path);
  if (!failed_with(found, ENOENT)) return found;
  const std::size_t slash = path.rfind('/');
  const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
  AUFS_TRY(const int parent, make(slash == std::string::npos ? std::string() : path.substr(0, slash)));
  const Status made = sys::mkdir(parent, name.c_str(), kImpliedMode);
  if (!made) return made.error();
  ++made_;
  AUFS_TRY(const int fd, find(path));
  AUFS_CHECK(sys::fchmod(fd, kImpliedMode));  // mkdir(2) takes the umask off
  return fd;
}

void LayerRoot::forget(std::string_view path) {
  std::erase_if(open_, [&](const auto& open) { return is_within(open.first, path); });
}

Result<int> LayerRoot::remember(const std::string& path, UniqueFd fd) {
  if (open_.size() == kKeptOpen) open_.pop_back();
  open_.emplace(open_.begin(), path, std::move(fd));
  return open_.front().second.get();
}

}  // namespace aufs::layer
