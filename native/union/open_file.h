// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"
#include "union/range_set.h"

// Open files. All opens of one inode share one backing file, and follow it when it is copied up (decision 6).
namespace aufs {

Result<OpenFilePtr> open_node(Engine& engine, const NodePtr& node, int flags);
// Reading a lower file must not move its access time: the branch is not ours to change.
Result<UniqueFd> open_for_reading(const Place& place, bool keep_atime);
// For a file that was just made: `fd` is open read-write.
OpenFilePtr adopt_open(const NodePtr& node, int flags, SharedFd fd);

// The descriptor to read from. Errors: EBADF if nobody opened the file for reading.
Result<SharedFd> reading_fd(const NodePtr& node);
// The descriptor to write to; copies the file up first if that has not happened yet.
Result<SharedFd> writing_fd(Engine& engine, const NodePtr& node);

// Where a write goes: to the copy in the writable branch, or to the one that is being made.
struct WriteTarget {
  SharedFd fd;
  PartialCopyPtr partial;  // null: `fd`
};
// As writing_fd, but a large file may be copied behind from now on. `soon`: what is about to be written.
Result<WriteTarget> write_target(Engine& engine, const NodePtr& node, Range soon);

// Whether the file can be written to past the union: it is open for writing, or mapped so, in the writable branch.
Result<bool> has_writers(Engine& engine, const NodePtr& node);

// Clears what a write by an ordinary user clears: set-user-ID, and set-group-ID of an executable. True if there was any.
Result<bool> drop_set_id(const Place& place);

}  // namespace aufs
