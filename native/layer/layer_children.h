// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aufs::layer {

// Names of the files in the directory `chains` (`layers/` of a store: Docker's format, a file a layer, that lists its parents)
// that have the word `id`, in no order. What is no file, begins with a dot, has gone meanwhile or is longer than any list of parents is
// passed over. Costs three system calls a file.
// Errors: those of openat(2), getdents64(2), read(2). Thread-safe.
Result<std::vector<std::string>> find_children(const std::string& chains, std::string_view id);

}  // namespace aufs::layer
