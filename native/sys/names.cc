// SPDX-License-Identifier: MIT
#include "sys/names.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <climits>

#include "sys/call.h"
#include "sys/file_io.h"

namespace aufs::sys {

Status mkdir(int dir, const char* name, mode_t mode) {
  return check(::mkdirat(dir, name, mode), "mkdirat");
}

Status mknod(int dir, const char* name, mode_t mode, dev_t rdev) {
  return check(::mknodat(dir, name, mode, rdev), "mknodat");
}

Status symlink(const char* target, int dir, const char* name) {
  return check(::symlinkat(target, dir, name), "symlinkat");
}

Result<std::string> readlink(int dir, const char* name) {
  std::string target(PATH_MAX, '\0');
  const ssize_t n = ::readlinkat(dir, name, target.data(), target.size());
  if (n < 0) return Error::last("readlinkat");
  target.resize(static_cast<std::size_t>(n));
  return target;
}

Status link(int from_dir, const char* from, int to_dir, const char* to) {
  return check(::linkat(from_dir, from, to_dir, to, 0), "linkat");
}

Status link_fd(int fd, int dir, const char* name) {
  if (::linkat(fd, "", dir, name, AT_EMPTY_PATH) == 0) return ok();
  if (errno != ENOENT) return Error::last("linkat");
  // So without CAP_DAC_READ_SEARCH.
  return check(::linkat(AT_FDCWD, proc_path(fd, "").c_str(), dir, name, AT_SYMLINK_FOLLOW), "linkat");
}

Status unlink(int dir, const char* name) {
  return check(::unlinkat(dir, name, 0), "unlinkat");
}

Status rmdir(int dir, const char* name) {
  return check(::unlinkat(dir, name, AT_REMOVEDIR), "unlinkat");
}

Status rename(int from_dir, const char* from, int to_dir, const char* to, unsigned flags) {
  if (flags == 0) return check(::renameat(from_dir, from, to_dir, to), "renameat");
  return check(::syscall(SYS_renameat2, from_dir, from, to_dir, to, flags), "renameat2");
}

Result<bool> exists(int dir, const char* name) {
  const Result<struct stat> st = stat_at(dir, name);
  if (st) return true;
  if (st.error().code == ENOENT) return false;
  return st.error();
}

Status access(int dir, const char* name, int mode) {
  return check(::faccessat(dir, name, mode, AT_EACCESS | AT_SYMLINK_NOFOLLOW), "faccessat");
}

}  // namespace aufs::sys
