// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "union/union_fs.h"

namespace aufs::layer {

struct CopyTreeOutcome {
  std::uint64_t entries = 0;
  std::uint64_t bytes = 0;                // data copied or shared, holes excluded
  CopyMethod method = CopyMethod::kNone;  // the most demanding one that was needed
};

// Whose the copies are: kExact fails with EPERM where this process may not give them the original's owner. kIfPermitted is
// for who may not, and trees of other people: this process owns those copies then, and they lose their set-id bits.
enum class Owner { kExact, kIfPermitted };

// Copies the layer `from` into the existing, empty directory `to`, which also gets the attributes of `from`: owner, mode, times, extended
// attributes, hard links within the layer, holes, devices. Blocks are shared where the file system can. The root's
// housekeeping (`.wh..wh.*`) is left out, its opaque marker is not. Symlinks are copied, never followed.
// Errors: the first of any system call; what was copied until then stays in `to`.
Result<CopyTreeOutcome> copy_tree(const std::string& from, const std::string& to,
                                  Owner owner = Owner::kExact);

}  // namespace aufs::layer
