// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

// Small files, read and written in one go. Thread-safe.
namespace aufs::sys {

// All of a regular file. Nothing else is waited for (a FIFO), followed (a symlink) or read.
// Errors: ELOOP for a symlink; ENXIO for a socket; EINVAL for anything else that is no file; EFBIG if it has more than `most` bytes.
Result<std::string> read_regular_file(const char* path, std::size_t most);

// Writes `text` to the new file `temporary`, which takes the place of `path` in the same directory then: `path` is there as it was or as it
// shall be, also after the end of this process. With `flush` also after a power cut, and as it shall be if this succeeds.
// An error leaves no `temporary`; only one of the last flush leaves the new `path`.
Status replace_file(const char* path, const char* temporary, std::string_view text, bool flush);

}  // namespace aufs::sys
