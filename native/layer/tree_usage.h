// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"

namespace aufs::layer {

// What a directory and everything below it takes.
struct TreeUsage {
  std::uint64_t bytes_on_disk =
      0;  // blocks, directories included, each inode once; shared blocks for each file that has them
  std::uint64_t apparent_bytes =
      0;  // sizes of files, holes included, each inode once, without directories (Docker's DiffSize)
  std::uint64_t entries = 0;  // the root not counted
  // Of the blocks, those that other files, wherever they are, have too. Empty where the file system or a permission does not let us know.
  std::optional<std::uint64_t> shared_bytes = 0;
};

// Adds up what lies below `path`; other file systems mounted there are left out, and so is what goes away meanwhile. Nothing at all
// if there is no `path`; a plain file counts as one without entries. Files are opened only where blocks can be shared.
// Errors: those of reading directories.
Result<TreeUsage> tree_usage(const std::string& path);

}  // namespace aufs::layer
