// SPDX-License-Identifier: MIT
#include "sys/whole_file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <span>

#include "base/unique_fd.h"
#include "sys/file_io.h"
#include "sys/names.h"

namespace aufs::sys {
namespace {

constexpr mode_t kMode = 0644;  // less the umask

Status write_new(const char* path, std::string_view text, bool flush) {
  AUFS_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, kMode));
  AUFS_CHECK(pwrite_all(fd.get(), std::as_bytes(std::span(text)), 0));
  return flush ? fsync(fd.get()) : ok();
}

Status flush_directory_of(std::string_view path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory(slash == std::string_view::npos ? "." : path.substr(0, slash + 1));
  AUFS_TRY(const UniqueFd fd, open_at(AT_FDCWD, directory.c_str(), O_RDONLY | O_DIRECTORY));
  return fsync(fd.get());
}

}  // namespace

Result<std::string> read_regular_file(const char* path, std::size_t most) {
  AUFS_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  AUFS_TRY(const struct stat st, stat_fd(fd.get()));
  if (!S_ISREG(st.st_mode)) return Error{EINVAL, "open"};
  if (static_cast<std::uint64_t>(st.st_size) > most) return Error{EFBIG, "open"};
  std::string text(static_cast<std::size_t>(st.st_size), '\0');
  std::size_t filled = 0;
  while (filled < text.size()) {
    const auto room = std::as_writable_bytes(std::span(text)).subspan(filled);
    AUFS_TRY(const std::size_t got, pread(fd.get(), room, static_cast<off_t>(filled)));
    if (got == 0) break;
    filled += got;
  }
  text.resize(filled);
  return text;
}

Status replace_file(const char* path, const char* temporary, std::string_view text, bool flush) {
  const Status written = write_new(temporary, text, flush);
  // Somebody else's.
  if (failed_with(written, EEXIST)) return written;
  const Status placed = written ? rename(AT_FDCWD, temporary, AT_FDCWD, path, 0) : written;
  if (!placed) {
    [[maybe_unused]] const Status gone = unlink(AT_FDCWD, temporary);
    return placed;
  }
  return flush ? flush_directory_of(path) : ok();
}

}  // namespace aufs::sys
