// SPDX-License-Identifier: MIT
#include "sys/credentials.h"

#include <fcntl.h>
#include <grp.h>
#include <sys/fsuid.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

#include "sys/call.h"

#ifndef SYS_faccessat2
#define SYS_faccessat2 439  // the same on all architectures
#endif

namespace aufs::sys {
namespace {

// The C library's would change all threads.
void set_thread_groups(const std::vector<gid_t>& groups) {
  (void)::syscall(SYS_setgroups, groups.size(), groups.data());
}

std::vector<gid_t> thread_groups() {
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(0, ::getgroups(0, nullptr))));
  const int count = ::getgroups(static_cast<int>(groups.size()), groups.data());
  groups.resize(static_cast<std::size_t>(std::max(0, count)));
  return groups;
}

std::vector<gid_t> exchange_thread_groups(const std::vector<gid_t>& groups) {
  std::vector<gid_t> before = thread_groups();
  set_thread_groups(groups);
  return before;
}

}  // namespace

ActAs::ActAs(uid_t uid, gid_t gid, const std::vector<gid_t>& groups)
    : own_groups_(exchange_thread_groups(groups)),
      own_gid_(static_cast<gid_t>(::setfsgid(gid))),
      own_uid_(static_cast<uid_t>(::setfsuid(uid))) {}

ActAs::~ActAs() {
  ::setfsuid(own_uid_);
  ::setfsgid(own_gid_);
  set_thread_groups(own_groups_);
}

Status access_fd(int fd, int mode) {
  return check(::syscall(SYS_faccessat2, fd, "", mode, AT_EACCESS | AT_EMPTY_PATH), "faccessat2");
}

}  // namespace aufs::sys
