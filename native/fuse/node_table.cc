// SPDX-License-Identifier: MIT
#include "fuse/node_table.h"

#include "fuse/wire.h"

namespace aufs::fuse {

NodeTable::NodeTable(NodePtr root) : root_(std::move(root)) {}

// Nodes are heap blocks, so the low bits of their address say nothing; the multiplication spreads the others.
std::size_t NodeTable::shard_of(const Node* node) noexcept {
  const auto address = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(node));
  return static_cast<std::size_t>((address * 0x9E3779B97F4A7C15ULL) >> 58);
}

NodePtr NodeTable::get(std::uint64_t id) const {
  if (id == wire::kRootId) return root_;
  const Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_id.find(id);
  return found == shard.by_id.end() ? nullptr : found->second.node;
}

std::uint64_t NodeTable::remember(const NodePtr& node) {
  if (node == root_) return wire::kRootId;
  const std::size_t index = shard_of(node.get());
  Shard& shard = shards_[index];
  const std::lock_guard lock(shard.mutex);
  if (const auto known = shard.by_node.find(node.get()); known != shard.by_node.end()) {
    ++shard.by_id.find(known->second)->second.lookups;
    return known->second;
  }
  const std::uint64_t id = next_.fetch_add(1, std::memory_order_relaxed) * kShards + index;
  const auto [entry, inserted] = shard.by_id.emplace(id, Entry{node, 1});
  try {
    shard.by_node.emplace(node.get(), id);
  } catch (...) {
    shard.by_id.erase(entry);
    throw;
  }
  size_.fetch_add(1, std::memory_order_relaxed);
  return id;
}

std::uint64_t NodeTable::find(const NodePtr& node) const {
  if (node == root_) return wire::kRootId;
  const Shard& shard = shards_[shard_of(node.get())];
  const std::lock_guard lock(shard.mutex);
  const auto known = shard.by_node.find(node.get());
  return known == shard.by_node.end() ? 0 : known->second;
}

std::vector<NodePtr> NodeTable::all() const {
  std::vector<NodePtr> nodes{root_};
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    for (const auto& [id, entry] : shard.by_id) nodes.push_back(entry.node);
  }
  return nodes;
}

bool NodeTable::forget(std::uint64_t id, std::uint64_t count) {
  if (id == wire::kRootId) return false;
  Shard& shard = shards_[id % kShards];
  NodePtr last;  // let go of outside the lock: the end of a node may be work
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.by_id.find(id);
  if (found == shard.by_id.end()) return false;
  if (found->second.lookups > count) {
    found->second.lookups -= count;
    return false;
  }
  last = std::move(found->second.node);
  shard.by_node.erase(last.get());
  shard.by_id.erase(found);
  size_.fetch_sub(1, std::memory_order_relaxed);
  return true;
}

}  // namespace aufs::fuse
