// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/result.h"

namespace aufs::sys {

struct RawEntry {
  std::string_view name;  // valid during the call only; a zero follows
  std::uint64_t ino;
  unsigned char type;  // DT_*; DT_UNKNOWN where the file system does not tell
};

// Calls `visit` for every entry of the directory `name` in `dir` (empty: `dir` itself), "." and ".." excepted, in the
// order of getdents64(2). `visit` returns false to stop early.
// Errors: those of openat(2) and getdents64(2).
Status for_each_entry(int dir, const char* name, const std::function<bool(const RawEntry&)>& visit);

}  // namespace aufs::sys
