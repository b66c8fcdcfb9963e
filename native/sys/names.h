// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

// Names in directories. `dir` is an open directory, `name` one component below it.
namespace aufs::sys {

Status mkdir(int dir, const char* name, mode_t mode);
Status mknod(int dir, const char* name, mode_t mode, dev_t rdev);
Status symlink(const char* target, int dir, const char* name);
Result<std::string> readlink(int dir, const char* name);
// Hard link; a symlink itself is linked, not its target.
Status link(int from_dir, const char* from, int to_dir, const char* to);
// Gives the open file `fd` (O_TMPFILE or O_PATH) the name `name` in `dir`. Needs /proc, but no capability.
Status link_fd(int fd, int dir, const char* name);
Status unlink(int dir, const char* name);
Status rmdir(int dir, const char* name);
// flags as in renameat2(2); 0 uses renameat(2), which every file system has.
Status rename(int from_dir, const char* from, int to_dir, const char* to, unsigned flags);
// True if `name` exists in `dir` (a dangling symlink exists).
Result<bool> exists(int dir, const char* name);
// access(2) with the effective ids, the last component not followed.
Status access(int dir, const char* name, int mode);

}  // namespace aufs::sys
