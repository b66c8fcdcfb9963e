// SPDX-License-Identifier: MIT
#pragma once

#include "base/result.h"

namespace aufs::sys {

// True if the file system that the directory `fd` lies on (opened for reading) brings changes of names, sizes and blocks to disk in the order
// that they were made in, and data that write_out() (file_io.h) waited for before them. A name that survives a power cut is then that of a whole
// file although nobody flushed the disk for it.
//
// So do ext4 with a journal on its own disk (its commits flush the disk before their last block; Documentation/filesystems/ext4/journal.rst) and XFS with
// its log on the disk of its data (each checkpoint flushes first). Not Btrfs, where fsync(2) of a directory writes names without the data of new files.
// False where it cannot be told, as where /proc or /sys of the system is hidden.
bool keeps_order(int fd);

}  // namespace aufs::sys
