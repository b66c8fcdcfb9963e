// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/result.h"

namespace aufs::sys {

// How many bytes of the file lie in blocks that other files have too (reflinks, snapshots), as far as they are written to disk.
// Errors: EOPNOTSUPP where the file system does not tell. Source: fiemap(Documentation/filesystems/fiemap.rst).
Result<std::uint64_t> shared_bytes(int fd);

}  // namespace aufs::sys
