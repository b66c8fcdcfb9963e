// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>

#include <string>
#include <string_view>

#include "base/result.h"

// Attributes of files named by (dir, name); nothing here follows a symlink in the last component. An empty `name`
// means the file behind the descriptor `dir` itself, which may be O_PATH. Needs /proc.
namespace aufs::sys {

// Errors: EOPNOTSUPP for a symlink.
Status chmod_at(int dir, const char* name, mode_t mode);
// (uid_t)-1 and (gid_t)-1 leave the id as it is.
Status chown_at(int dir, const char* name, uid_t uid, gid_t gid);
// times[0] = access, times[1] = modification; tv_nsec may be UTIME_NOW or UTIME_OMIT.
Status utimens_at(int dir, const char* name, const struct timespec times[2]);

Status fchmod(int fd, mode_t mode);
Status fchown(int fd, uid_t uid, gid_t gid);
Status futimens(int fd, const struct timespec times[2]);

Result<std::string> get_xattr(int dir, const char* name, const char* key);
// NUL-separated names; empty where the file system has no extended attributes.
Result<std::string> list_xattr(int dir, const char* name);
Status set_xattr(int dir, const char* name, const char* key, std::string_view value, int flags);
Status remove_xattr(int dir, const char* name, const char* key);

Result<struct statvfs> stat_file_system(int fd);

}  // namespace aufs::sys
