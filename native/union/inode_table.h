// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/number_map.h"
#include "union/node.h"

namespace aufs {

// Finds the one live Node of an inode number: hard links meet here. Holds no node alive; a node that dies leaves.
// Thread-safe; its mutexes are leaves.
class InodeTable : public std::enable_shared_from_this<InodeTable> {
 public:
  // All live nodes.
  std::vector<NodePtr> all();
  // The live node with that number, or null.
  NodePtr find(std::uint64_t ino);
  // The node is not found by its number any more.
  void drop(const Node& node);
  // The live node with that number and type, or a new one that `init` has filled in before anybody else sees it.
  // A live node of another type is stale (its branch was edited behind our back) and loses its place.
  template <typename Init>
  NodePtr intern(std::uint64_t ino, mode_t type, Init&& init) {
    NodePtr known;  // declared before the guard: the last reference must not be dropped under the mutex
    Shard& shard = shard_of(ino);
    const std::lock_guard guard(shard.mutex);
    std::weak_ptr<Node>& slot = shard.nodes[ino];
    known = slot.lock();
    if (known && known->type == (type & S_IFMT)) return known;
    NodePtr node = make(ino, type);
    init(*node);
    slot = node;
    return node;
  }

 private:
  struct Shard {
    std::mutex mutex;
    NumberMap<std::weak_ptr<Node>> nodes;  // guarded by mutex
  };

  NodePtr make(std::uint64_t ino, mode_t type);
  void forget(std::uint64_t ino);
  Shard& shard_of(std::uint64_t ino) noexcept { return shards_[(ino ^ (ino >> 7)) % shards_.size()]; }

  std::array<Shard, 32> shards_;
};

}  // namespace aufs
