// SPDX-License-Identifier: MIT
#include "sys/attributes.h"

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "sys/call.h"
#include "sys/file_io.h"

#ifndef SYS_fchmodat2
#define SYS_fchmodat2 452  // the same on all architectures
#endif

namespace aufs::sys {
namespace {

// What a name leads to is reached by a path: the last component of "/proc/self/fd/N/name" is not followed. `dir` itself is reached by
// its descriptor, which is quicker; where that is one of O_PATH (EBADF), by "/proc/self/fd/N", which has to be followed, for there the
// file is behind the magic link.
template <typename ByFd, typename ByPath, typename ByLink>
auto reach(int dir, const char* name, ByFd&& by_fd, ByPath&& by_path, ByLink&& by_link) {
  if (*name != '\0') return by_path(proc_path(dir, name).c_str());
  const auto done = by_fd(dir);
  return done >= 0 || errno != EBADF ? done : by_link(proc_path(dir, "").c_str());
}

int empty_path_flag(const char* name) {
  return *name == '\0' ? AT_EMPTY_PATH : 0;
}

}  // namespace

Status chmod_at(int dir, const char* name, mode_t mode) {
  if (*name == '\0') {
    if (::fchmod(dir, mode) == 0) return ok();
    if (errno != EBADF) return Error::last("fchmod");
    return check(::chmod(proc_path(dir, "").c_str(), mode), "chmod");
  }
  if (::syscall(SYS_fchmodat2, dir, name, mode, AT_SYMLINK_NOFOLLOW) == 0) return ok();
  // Before Linux 6.6 there is no such call, and containers are known to answer EPERM for what they do not know: then a symlink is kept
  // out by opening without following.
  if (errno != ENOSYS && errno != EPERM) return Error::last("fchmodat2");
  Result<UniqueFd> fd = open_at(dir, name, O_PATH | O_NOFOLLOW);
  if (!fd) return fd.error();
  return check(::chmod(proc_path(fd->get(), "").c_str(), mode), "chmod");
}

Status chown_at(int dir, const char* name, uid_t uid, gid_t gid) {
  return check(::fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW | empty_path_flag(name)), "fchownat");
}

Status utimens_at(int dir, const char* name, const struct timespec times[2]) {
  if (*name == '\0') {
    if (::utimensat(dir, "", times, AT_EMPTY_PATH) == 0) return ok();
    if (errno != EINVAL) return Error::last("utimensat");
    // Before Linux 5.8.
    return check(::utimensat(AT_FDCWD, proc_path(dir, "").c_str(), times, 0), "utimensat");
  }
  return check(::utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW), "utimensat");
}

Status fchmod(int fd, mode_t mode) {
  return check(::fchmod(fd, mode), "fchmod");
}
Status fchown(int fd, uid_t uid, gid_t gid) {
  return check(::fchown(fd, uid, gid), "fchown");
}
Status futimens(int fd, const struct timespec times[2]) {
  return check(::futimens(fd, times), "futimens");
}

Result<std::string> get_xattr(int dir, const char* name, const char* key) {
  for (std::string value(256, '\0');;) {
    const ssize_t n = reach(
        dir, name, [&](int fd) { return ::fgetxattr(fd, key, value.data(), value.size()); },
        [&](const char* path) { return ::lgetxattr(path, key, value.data(), value.size()); },
        [&](const char* path) { return ::getxattr(path, key, value.data(), value.size()); });
    if (n >= 0) {
      value.resize(static_cast<std::size_t>(n));
      return value;
    }
    if (errno != ERANGE || value.size() >= 65536) return Error::last("getxattr");
    value.resize(65536);
  }
}

Result<std::string> list_xattr(int dir, const char* name) {
  for (std::string names(1024, '\0');;) {
    const ssize_t n = reach(
        dir, name, [&](int fd) { return ::flistxattr(fd, names.data(), names.size()); },
        [&](const char* path) { return ::llistxattr(path, names.data(), names.size()); },
        [&](const char* path) { return ::listxattr(path, names.data(), names.size()); });
    if (n >= 0) {
      names.resize(static_cast<std::size_t>(n));
      return names;
    }
    if (errno == EOPNOTSUPP) return std::string();
    if (errno != ERANGE || names.size() >= 65536) return Error::last("listxattr");
    names.resize(65536);
  }
}

Status set_xattr(int dir, const char* name, const char* key, std::string_view value, int flags) {
  const int done = reach(
      dir, name, [&](int fd) { return ::fsetxattr(fd, key, value.data(), value.size(), flags); },
      [&](const char* path) { return ::lsetxattr(path, key, value.data(), value.size(), flags); },
      [&](const char* path) { return ::setxattr(path, key, value.data(), value.size(), flags); });
  return check(done, "setxattr");
}

Status remove_xattr(int dir, const char* name, const char* key) {
  const int done = reach(
      dir, name, [&](int fd) { return ::fremovexattr(fd, key); },
      [&](const char* path) { return ::lremovexattr(path, key); },
      [&](const char* path) { return ::removexattr(path, key); });
  return check(done, "removexattr");
}

Result<struct statvfs> stat_file_system(int fd) {
  struct statvfs vfs {};
  if (retry_eintr([&] { return ::fstatvfs(fd, &vfs); }) < 0) return Error::last("fstatvfs");
  return vfs;
}

}  // namespace aufs::sys
