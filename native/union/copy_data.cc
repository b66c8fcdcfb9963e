// SPDX-License-Identifier: MIT
#include "union/copy_data.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "sys/file_io.h"

namespace aufs {
namespace {

constexpr std::size_t kBufferSize = 1024 * 1024;
// Below this one read and one write beat every cleverer call (measured: docs/performance.md).
constexpr off_t kSmall = 32 * 1024;

// True if the error says "this method cannot serve this pair of files", as opposed to "the copy failed".
// ENOSPC or EIO must reach the caller, not a slower retry.
constexpr bool is_unsupported(Error error) noexcept {
  switch (error.code) {
    case EOPNOTSUPP:
    case ENOTTY:
    case EXDEV:
    case EINVAL:
    case ENOSYS:
    case EPERM:    // FICLONE and copy_file_range on files with attributes that forbid sharing
    case ETXTBSY:  // swap files
      return true;
    default: return false;
  }
}

Status copy_through_buffer(int from, int to, Range range) {
  const auto length = static_cast<std::size_t>(range.end - range.begin);
  const std::size_t capacity = std::min(length, kBufferSize);
  const std::unique_ptr<std::byte[]> buffer(new std::byte[capacity]);
  for (off_t at = range.begin; at < range.end;) {
    const auto want = std::min<off_t>(range.end - at, static_cast<off_t>(capacity));
    AUFS_TRY(const std::size_t n, sys::pread(from, {buffer.get(), static_cast<std::size_t>(want)}, at));
    if (n == 0) return ok();  // the file became shorter meanwhile
    AUFS_CHECK(sys::pwrite_all(to, {buffer.get(), n}, at));
    at += static_cast<off_t>(n);
  }
  return ok();
}

// False: nothing was copied, the pair has to be copied in another way.
Result<bool> copy_in_kernel(int from, int to, Range range) {
  for (off_t at = range.begin; at < range.end;) {
    const Result<std::size_t> n =
        sys::copy_file_range(from, at, to, at, static_cast<std::size_t>(range.end - at));
    if (!n && at == range.begin && is_unsupported(n.error())) return false;
    if (!n) return n.error();
    // Some file systems answer 0 where they cannot: the buffer finds out.
    if (*n == 0) return at > range.begin;
    at += static_cast<off_t>(*n);
  }
  return true;
}

// `method`: the one to begin with, in which a call may find that another one serves these files.
Status copy_by(int from, int to, Range range, CopyMethod& method) {
  if (method == CopyMethod::kCopyFileRange) {
    AUFS_TRY(const bool copied, copy_in_kernel(from, to, range));
    if (copied) return ok();
    method = CopyMethod::kReadWrite;
  }
  return copy_through_buffer(from, to, range);
}

// Then there are no holes to look for.
bool has_all_blocks(const struct stat& st) noexcept {
  constexpr off_t kUnit = 512;  // of st_blocks, on Linux
  return st.st_blocks * kUnit >= st.st_size;
}

Result<CopyOutcome> copy_ranges(int from, int to, off_t size) {
  CopyOutcome outcome{CopyMethod::kNone, 0};
  CopyMethod method = size > kSmall ? CopyMethod::kCopyFileRange : CopyMethod::kReadWrite;
  for (off_t at = 0; at < size;) {
    AUFS_TRY(const Range range, next_data(from, at, size));
    if (range.begin >= range.end) break;
    AUFS_CHECK(copy_by(from, to, range, method));
    outcome.method = method;
    outcome.bytes += static_cast<std::uint64_t>(range.end - range.begin);
    at = range.end;
  }
  // A hole at the end has no data to carry it. Looking costs less than setting what is right already.
  AUFS_TRY(const struct stat copied, sys::stat_fd(to));
  if (copied.st_size < size) AUFS_CHECK(sys::truncate(to, size));
  return outcome;
}

}  // namespace

const char* name_of(CopyMethod method) noexcept {
  switch (method) {
    case CopyMethod::kNone: return "none";
    case CopyMethod::kReflink: return "reflink";
    case CopyMethod::kCopyFileRange: return "copy_file_range";
    case CopyMethod::kReadWrite: return "read_write";
  }
  return "unknown";
}

Result<Range> next_data(int from, off_t at, off_t size) {
  const Result<off_t> data = sys::seek(from, at, SEEK_DATA);
  if (failed_with(data, ENXIO)) return Range{size, size};
  // No such knowledge: all is data.
  if (failed_with(data, EINVAL) || failed_with(data, EOPNOTSUPP)) return Range{at, size};
  if (!data) return data.error();
  const Result<off_t> hole = sys::seek(from, *data, SEEK_HOLE);
  if (!hole) return hole.error();
  return Range{std::min(*data, size), std::min(*hole, size)};
}

Result<bool> share_data(int from, int to) {
  const Status cloned = sys::clone_file(from, to);
  if (cloned) return true;
  if (is_unsupported(cloned.error())) return false;
  return cloned.error();
}

Result<CopyMethod> copy_range(int from, int to, Range range) {
  CopyMethod method = CopyMethod::kCopyFileRange;
  AUFS_CHECK(copy_by(from, to, range, method));
  return method;
}

Result<CopyOutcome> copy_data(int from, int to, const struct stat& original, off_t size, SmallFiles small) {
  if (size <= 0) return CopyOutcome{CopyMethod::kNone, 0};
  if (size == original.st_size && (small == SmallFiles::kShared || size > kSmall)) {
    AUFS_TRY(const bool reflinked, share_data(from, to));
    if (reflinked) return CopyOutcome{CopyMethod::kReflink, static_cast<std::uint64_t>(size)};
  }
  if (original.st_size > kSmall || !has_all_blocks(original)) return copy_ranges(from, to, size);
  AUFS_CHECK(copy_through_buffer(from, to, {0, size}));
  return CopyOutcome{CopyMethod::kReadWrite, static_cast<std::uint64_t>(size)};
}

}  // namespace aufs
