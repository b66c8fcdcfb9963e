// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"
#include "union/union_fs.h"

namespace aufs {

// Every call of the façade takes it so, but for those that move directories or change the stack.
using SharedTree = std::shared_lock<std::shared_mutex>;

class UnionFs::Impl {
 public:
  Impl(std::vector<Branch> branches, UnionOptions options)
      : engine(std::move(branches), std::move(options)) {}
  ~Impl() {
    engine.background.stop();
    engine.lookup_cache.clear();
  }
  Engine engine;
};

}  // namespace aufs
