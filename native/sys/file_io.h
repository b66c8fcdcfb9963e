// SPDX-License-Identifier: MIT
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>

#include <cstddef>
#include <span>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/inode_flags.h"

// Open files: opening, reading, writing, copying. Every descriptor made here is close-on-exec.
namespace aufs::sys {

// Opens the directory `name` in `dir` for reading, unless that would follow a symlink or enter another mount.
// Needs openat2(2), Linux 5.6. Errors: EXDEV for a mountpoint, ELOOP for a symlink, otherwise those of open(2).
Result<UniqueFd> open_directory_here(int dir, const char* name);

// openat(2) of a single component; the last component is not checked for being a symlink unless O_NOFOLLOW is given.
Result<UniqueFd> open_at(int dir, const char* name, int flags, mode_t mode = 0);

// "/proc/self/fd/N" or "/proc/self/fd/N/name": a path for system calls that have no *at form.
std::string proc_path(int dir, const char* name);

// Opens anew the file behind the descriptor `fd`, which may be O_PATH. Needs /proc.
Result<UniqueFd> reopen(int fd, int flags);

Result<struct stat> stat_fd(int fd);
// fstatat(2) without following a symlink; an empty name means `dir` itself.
Result<struct stat> stat_at(int dir, const char* name);
// As stat_at, with the time of birth where the file system has one, and with what the inode's flags forbid (statx(2)).
Result<struct stat> stat_with_birth(int dir, const char* name, struct timespec* birth,
                                    Protection* protection = nullptr);

Result<std::size_t> pread(int fd, std::span<std::byte> into, off_t offset);
Result<std::size_t> pwrite(int fd, std::span<const std::byte> from, off_t offset);
// All of it, with as many calls of pwrite(2) as that takes.
Status pwrite_all(int fd, std::span<const std::byte> from, off_t offset);
// Writes at the end of the file, wherever that is at that moment, whatever the descriptor's flags (Linux 4.16).
Result<std::size_t> append(int fd, std::span<const std::byte> from);
Result<off_t> seek(int fd, off_t offset, int whence);
Status truncate(int fd, off_t size);
Status fallocate(int fd, int mode, off_t offset, off_t length);
Status fsync(int fd);
Status fdatasync(int fd);
Status syncfs(int fd);
void sync_all();  // sync(2)
// Waits until the data written so far is with the disk, its blocks with the file, without flushing the disk's cache. Errors: EIO, ENOSPC
// (delayed allocation), as fdatasync(2).
Status write_out(int fd);
// Begins with that, and does not wait.
void begin_to_write_out(int fd) noexcept;
// How often the calling thread has waited in one of these (but for sync_all()).
unsigned disk_waits() noexcept;

// Begins to read these bytes into the page cache, and does not wait.
void will_need(int fd, off_t offset, off_t length) noexcept;

// How much the calling thread has read from disks so far, and waited for, but not from remote ones: grows with each read.
long disk_reads() noexcept;

// FICLONE: `to` shares all blocks of `from` afterwards. Errors: EOPNOTSUPP/EXDEV/EINVAL where the pair cannot.
Status clone_file(int from, int to);
Result<std::size_t> copy_file_range(int from, off_t from_offset, int to, off_t to_offset, std::size_t length);

// Takes flock(2) on `fd` without waiting; EWOULDBLOCK if somebody else holds it in a way that excludes ours.
Status lock_exclusive(int fd);
Status lock_shared(int fd);

// Whether anybody has the file open for writing, or maps it so. Asks with a lease, which is given back at once: who opens the
// file for writing at that moment waits, or with O_NONBLOCK fails with EWOULDBLOCK, and SIGIO may come to this process.
// Errors: EINVAL if the file system has no leases; EACCES for the file of another user without CAP_LEASE.
Result<bool> has_writers(int fd);

}  // namespace aufs::sys
