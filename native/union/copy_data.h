// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>

#include "base/result.h"
#include "union/range_set.h"
#include "union/union_fs.h"

namespace aufs {

struct CopyOutcome {
  CopyMethod method;    // of the last piece; kNone if there was no data
  std::uint64_t bytes;  // data copied or shared, holes excluded
};

// Whether files of up to 32 KiB share blocks too. A copy is made as fast as a clone, and the first write to it takes a tenth of the time, for nothing has to be
// unshared then; but it is not on disk, which a clone is.
enum class SmallFiles { kShared, kCopied };

// Copies the first `size` bytes of `from`, whose attributes are `original`, into the empty file `to`, which has that size afterwards. Blocks are shared
// where the file system can (FICLONE, whole files only) and `small` lets it, else copied in the kernel (copy_file_range), else through a
// buffer. Holes stay holes. File offsets do not matter; `from` is open for reading, `to` for writing.
// A method that cannot serve this pair of files gives way to the next; ENOSPC, EIO and the like reach the caller.
Result<CopyOutcome> copy_data(int from, int to, const struct stat& original, off_t size, SmallFiles small);

// Its parts, for who copies a file bit by bit.
// Shares all blocks. False: these two files cannot.
Result<bool> share_data(int from, int to);
// The next piece of data at or after `at`, clipped to `size`; begin == size when there is no more.
Result<Range> next_data(int from, off_t at, off_t size);
// Copies one piece, and tells how.
Result<CopyMethod> copy_range(int from, int to, Range range);

}  // namespace aufs
