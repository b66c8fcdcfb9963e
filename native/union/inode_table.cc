// SPDX-License-Identifier: MIT
#include "union/inode_table.h"

namespace aufs {

std::vector<NodePtr> InodeTable::all() {
  std::vector<NodePtr> nodes;
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.nodes.each([&](std::uint64_t, Node* known) {
      if (NodePtr node = NodePtr::if_alive(*known)) nodes.push_back(std::move(node));
    });
  }
  return nodes;
}

void InodeTable::drop(const Node& node) {
  Shard& shard = shard_of(node.ino);
  const std::lock_guard guard(shard.mutex);
  Node* const* const at = shard.nodes.find(node.ino);
  if (at != nullptr && *at == &node) shard.nodes.erase(node.ino);
}

NodePtr InodeTable::find(std::uint64_t ino) {
  Shard& shard = shard_of(ino);
  const std::lock_guard guard(shard.mutex);
  Node* const* const at = shard.nodes.find(ino);
  return at == nullptr ? nullptr : NodePtr::if_alive(**at);
}

NodePtr InodeTable::make(std::uint64_t ino, mode_t type) {
  NodePtr node(new Node(*this, ino, type));
  users_.fetch_add(1, std::memory_order_relaxed);
  return node;
}

void InodeTable::leave() noexcept {
  if (users_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace aufs
