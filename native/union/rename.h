// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// Both names of a rename.
struct RenameNames {
  NodePtr from_dir;
  std::string from;
  NodePtr to_dir;
  std::string to;
};

// Renames what is not a directory. The caller holds tree_lock shared.
// Errors: those of rename(2); EAGAIN if the name turned out to be a directory meanwhile.
Status rename_file(Engine& engine, const RenameNames& names, unsigned flags);

// Renames a directory, or exchanges two names of which one is a directory. The caller holds tree_lock exclusively.
// With `dirren` everything seen in the directory is copied up first, so that the result is a plain layer (decision 10); without it a directory with a
// visible child from below is refused with EXDEV, as AUFS does.
Status rename_directory(Engine& engine, const RenameNames& names, unsigned flags);

}  // namespace aufs
