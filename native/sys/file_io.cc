// SPDX-License-Identifier: MIT
#include "sys/file_io.h"

#include <linux/fs.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sys/call.h"

namespace aufs::sys {
namespace {

thread_local unsigned waits = 0;

}  // namespace

Result<UniqueFd> open_directory_here(int dir, const char* name) {
  open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
  // EAGAIN: a rename elsewhere raced with the walk and the kernel could not prove that we stayed below.
  long fd = -1;
  for (int attempt = 0; attempt < 64; ++attempt) {
    fd = retry_eintr([&] { return ::syscall(SYS_openat2, dir, name, &how, sizeof how); });
    if (fd >= 0 || errno != EAGAIN) break;
  }
  if (fd < 0) return Error::last("openat2");
  return UniqueFd(static_cast<int>(fd));
}

Result<UniqueFd> open_at(int dir, const char* name, int flags, mode_t mode) {
  const int fd = retry_eintr([&] { return ::openat(dir, name, flags | O_CLOEXEC, mode); });
  if (fd < 0) return Error::last("openat");
  return UniqueFd(fd);
}

std::string proc_path(int dir, const char* name) {
  std::string path = "/proc/self/fd/" + std::to_string(dir);
  if (*name != '\0') path.append("/").append(name);
  return path;
}

Result<UniqueFd> reopen(int fd, int flags) {
  return open_at(AT_FDCWD, proc_path(fd, "").c_str(), flags & ~O_NOFOLLOW);
}

Result<struct stat> stat_fd(int fd) {
  struct stat st {};
  if (::fstat(fd, &st) < 0) return Error::last("fstat");
  return st;
}

Result<struct stat> stat_at(int dir, const char* name) {
  struct stat st {};
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::fstatat(dir, name, &st, flags) < 0) return Error::last("fstatat");
  return st;
}

Result<struct stat> stat_with_birth(int dir, const char* name, struct timespec* birth,
                                    Protection* protection) {
  struct statx sx {};
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == '\0' ? AT_EMPTY_PATH : 0);
  if (::statx(dir, name, flags, STATX_BASIC_STATS | STATX_BTIME, &sx) < 0) return Error::last("statx");
  struct stat st {};
  st.st_dev = makedev(sx.stx_dev_major, sx.stx_dev_minor);
  st.st_ino = sx.stx_ino;
  st.st_mode = sx.stx_mode;
  st.st_nlink = sx.stx_nlink;
  st.st_uid = sx.stx_uid;
  st.st_gid = sx.stx_gid;
  st.st_rdev = makedev(sx.stx_rdev_major, sx.stx_rdev_minor);
  st.st_size = static_cast<off_t>(sx.stx_size);
  st.st_blksize = static_cast<blksize_t>(sx.stx_blksize);
  st.st_blocks = static_cast<blkcnt_t>(sx.stx_blocks);
  st.st_atim = {sx.stx_atime.tv_sec, sx.stx_atime.tv_nsec};
  st.st_mtim = {sx.stx_mtime.tv_sec, sx.stx_mtime.tv_nsec};
  st.st_ctim = {sx.stx_ctime.tv_sec, sx.stx_ctime.tv_nsec};
  *birth = {};
  if (sx.stx_mask & STATX_BTIME) *birth = {sx.stx_btime.tv_sec, sx.stx_btime.tv_nsec};
  if (protection != nullptr) {
    protection->immutable = (sx.stx_attributes & STATX_ATTR_IMMUTABLE) != 0;
    protection->append_only = (sx.stx_attributes & STATX_ATTR_APPEND) != 0;
  }
  return st;
}

Result<std::size_t> pread(int fd, std::span<std::byte> into, off_t offset) {
  const ssize_t n = retry_eintr([&] { return ::pread(fd, into.data(), into.size(), offset); });
  if (n < 0) return Error::last("pread");
  return static_cast<std::size_t>(n);
}

Result<std::size_t> pwrite(int fd, std::span<const std::byte> from, off_t offset) {
  const ssize_t n = retry_eintr([&] { return ::pwrite(fd, from.data(), from.size(), offset); });
  if (n < 0) return Error::last("pwrite");
  return static_cast<std::size_t>(n);
}

Status pwrite_all(int fd, std::span<const std::byte> from, off_t offset) {
  while (!from.empty()) {
    AUFS_TRY(const std::size_t written, pwrite(fd, from, offset));
    if (written == 0) return Error{EIO, "pwrite"};
    from = from.subspan(written);
    offset += static_cast<off_t>(written);
  }
  return ok();
}

Result<std::size_t> append(int fd, std::span<const std::byte> from) {
  const iovec piece{const_cast<std::byte*>(from.data()), from.size()};  // the call only reads it
  const ssize_t n = retry_eintr([&] { return ::pwritev2(fd, &piece, 1, 0, RWF_APPEND); });
  if (n < 0) return Error::last("pwritev2");
  return static_cast<std::size_t>(n);
}

Result<off_t> seek(int fd, off_t offset, int whence) {
  const off_t at = ::lseek(fd, offset, whence);
  if (at < 0) return Error::last("lseek");
  return at;
}

Status truncate(int fd, off_t size) {
  return check(retry_eintr([&] { return ::ftruncate(fd, size); }), "ftruncate");
}

Status fallocate(int fd, int mode, off_t offset, off_t length) {
  return check(retry_eintr([&] { return ::fallocate(fd, mode, offset, length); }), "fallocate");
}

Status fsync(int fd) {
  ++waits;
  return check(retry_eintr([&] { return ::fsync(fd); }), "fsync");
}
Status fdatasync(int fd) {
  ++waits;
  return check(retry_eintr([&] { return ::fdatasync(fd); }), "fdatasync");
}
Status syncfs(int fd) {
  ++waits;
  return check(::syncfs(fd), "syncfs");
}
Status write_out(int fd) {
  constexpr unsigned kAll = SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
  ++waits;
  return check(retry_eintr([&] { return ::sync_file_range(fd, 0, 0, kAll); }), "sync_file_range");
}
void begin_to_write_out(int fd) noexcept {
  [[maybe_unused]] const int begun = ::sync_file_range(fd, 0, 0, SYNC_FILE_RANGE_WRITE);
}
unsigned disk_waits() noexcept {
  return waits;
}

long disk_reads() noexcept {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_inblock;
}

void sync_all() {
  ::sync();
}

void will_need(int fd, off_t offset, off_t length) noexcept {
  ::posix_fadvise(fd, offset, length, POSIX_FADV_WILLNEED);
}

Status clone_file(int from, int to) {
  return check(retry_eintr([&] { return ::ioctl(to, FICLONE, from); }), "ioctl_ficlone");
}

Result<std::size_t> copy_file_range(int from, off_t from_offset, int to, off_t to_offset,
                                    std::size_t length) {
  const ssize_t n =
      retry_eintr([&] { return ::copy_file_range(from, &from_offset, to, &to_offset, length, 0); });
  if (n < 0) return Error::last("copy_file_range");
  return static_cast<std::size_t>(n);
}

Status lock_exclusive(int fd) {
  return check(retry_eintr([&] { return ::flock(fd, LOCK_EX | LOCK_NB); }), "flock");
}
Status lock_shared(int fd) {
  return check(retry_eintr([&] { return ::flock(fd, LOCK_SH | LOCK_NB); }), "flock");
}

Result<bool> has_writers(int fd) {
  if (::fcntl(fd, F_SETLEASE, F_RDLCK) < 0) {
    if (errno == EAGAIN) return true;
    return Error::last("fcntl");
  }
  AUFS_CHECK(check(::fcntl(fd, F_SETLEASE, F_UNLCK), "fcntl"));
  return false;
}

}  // namespace aufs::sys
