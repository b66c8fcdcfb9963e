// SPDX-License-Identifier: MIT
#include "union/inode_table.h"

namespace aufs {

std::vector<NodePtr> InodeTable::all() {
  std::vector<NodePtr> nodes;
  for (Shard& shard : shards_) {
    const std::lock_guard guard(shard.mutex);
    shard.nodes.each([&](std::uint64_t, const std::weak_ptr<Node>& weak) {
      if (NodePtr node = weak.lock()) nodes.push_back(std::move(node));
    });
  }
  return nodes;
}

void InodeTable::drop(const Node& node) {
  NodePtr known;  // declared before the guard: the last reference must not be dropped under the mutex
  Shard& shard = shard_of(node.ino);
  const std::lock_guard guard(shard.mutex);
  const std::weak_ptr<Node>* const at = shard.nodes.find(node.ino);
  if (at == nullptr) return;
  known = at->lock();
  if (known.get() == &node) shard.nodes.erase(node.ino);
}

NodePtr InodeTable::find(std::uint64_t ino) {
  Shard& shard = shard_of(ino);
  const std::lock_guard guard(shard.mutex);
  const std::weak_ptr<Node>* const at = shard.nodes.find(ino);
  return at == nullptr ? nullptr : at->lock();
}

NodePtr InodeTable::make(std::uint64_t ino, mode_t type) {
  // The table may be gone before the last node: whoever holds nodes longest decides.
  std::weak_ptr<InodeTable> table = weak_from_this();
  return NodePtr(new Node(ino, type), [table](Node* node) {
    const std::uint64_t number = node->ino;
    delete node;
    if (const auto alive = table.lock()) alive->forget(number);
  });
}

void InodeTable::forget(std::uint64_t ino) {
  Shard& shard = shard_of(ino);
  const std::lock_guard guard(shard.mutex);
  const std::weak_ptr<Node>* const at = shard.nodes.find(ino);
  if (at != nullptr && at->expired()) shard.nodes.erase(ino);
}

}  // namespace aufs
