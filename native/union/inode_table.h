// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "base/number_map.h"
#include "union/node.h"

namespace aufs {

// Finds the one live Node of an inode number: hard links meet here. Holds no node alive; a node that dies leaves.
// Stays until its owner and the last node are gone: whoever holds nodes longest decides. Thread-safe; its mutexes are leaves.
class InodeTable {
  struct Leave {
    void operator()(InodeTable* table) const noexcept { table->leave(); }
  };

 public:
  using Owner = std::unique_ptr<InodeTable, Leave>;
  static Owner create() { return Owner(new InodeTable); }
  InodeTable(const InodeTable&) = delete;
  InodeTable& operator=(const InodeTable&) = delete;

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
    NodePtr node;
    NodePtr stale;  // both declared before the guard: the last reference must not be dropped under the mutex
    Shard& shard = shard_of(ino);
    const std::lock_guard guard(shard.mutex);
    if (Node** const known = shard.nodes.find(ino)) stale = NodePtr::if_alive(**known);
    if (stale && stale->type == (type & S_IFMT)) return stale;
    node = make(ino, type);
    init(*node);
    shard.nodes[ino] = node.get();
    return node;
  }

 private:
  friend class Node;
  struct Shard {
    std::mutex mutex;
    NumberMap<Node*> nodes;  // guarded by mutex; a node stays in memory as long as it is here
  };

  InodeTable() = default;
  ~InodeTable() = default;
  NodePtr make(std::uint64_t ino, mode_t type);
  void leave() noexcept;
  Shard& shard_of(std::uint64_t ino) noexcept { return shards_[(ino ^ (ino >> 7)) % shards_.size()]; }

  std::array<Shard, 32> shards_;
  std::atomic<std::size_t> users_{1};  // the owner, and the nodes
};

}  // namespace aufs
