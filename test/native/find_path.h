// SPDX-License-Identifier: MIT
#pragma once

#include <sstream>
#include <string>

#include "union/union_fs.h"

namespace aufs::test {

// What a path leads to, from the root of the union.
inline Result<Found> find_path(UnionFs& fs, const std::string& path) {
  Found at{fs.root(), {}};
  std::stringstream parts(path);
  for (std::string part; std::getline(parts, part, '/');) {
    auto next = fs.lookup(at.node, part);
    if (!next) return next.error();
    at = *next;
  }
  return at;
}

}  // namespace aufs::test
