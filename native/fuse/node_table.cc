// SPDX-License-Identifier: MIT
#include "fuse/node_table.h"

#include "fuse/wire.h"

namespace aufs::fuse {

NodeTable::NodeTable(UnionFs& fs) : fs_(fs), root_(fs.root()) {}

NodeTable::~NodeTable() {
  for (Shard& shard : shards_) {
    shard.by_id.each([](std::uint64_t, const Entry& entry) { UnionFs::number_of_front(entry.node) = 0; });
  }
}

// Numbers of files that are made together are close to each other; the multiplication spreads them.
std::size_t NodeTable::shard_of(std::uint64_t ino) noexcept {
  return static_cast<std::size_t>((ino * 0x9E3779B97F4A7C15ULL) >> 58);
}

NodePtr NodeTable::get(std::uint64_t id) const {
  if (id == wire::kRootId) return root_;
  const Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  const Entry* const found = shard.by_id.find(id);
  return found == nullptr ? nullptr : found->node;
}

std::uint64_t NodeTable::remember(const NodePtr& node) {
  if (node == root_) return wire::kRootId;
  const std::uint64_t ino = UnionFs::inode_number(node);
  const std::size_t index = shard_of(ino);
  Shard& shard = shards_[index];
  const std::lock_guard lock(shard.mutex);
  std::uint64_t& known = UnionFs::number_of_front(node);
  if (known != 0) {
    ++shard.by_id.find(known)->lookups;
    return known;
  }
  const auto fresh_id = [&] { return next_.fetch_add(1, std::memory_order_relaxed) * kShards + index; };
  const Forgotten* const before = shard.forgotten.find(ino);
  std::uint64_t id = before != nullptr ? before->id : fresh_id();
  // Another node with that inode number may still have the nodeid: its branch was edited behind the union.
  if (shard.by_id.find(id) != nullptr) id = fresh_id();
  shard.by_id[id] = Entry{node, 1, 0, 0};
  known = id;
  size_.fetch_add(1, std::memory_order_relaxed);
  return id;
}

std::uint64_t NodeTable::find(const NodePtr& node) const {
  if (node == root_) return wire::kRootId;
  const Shard& shard = shards_[shard_of(UnionFs::inode_number(node))];
  const std::lock_guard lock(shard.mutex);
  return UnionFs::number_of_front(node);
}

bool NodeTable::is_first_open(std::uint64_t id) {
  Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  Entry* const found = shard.by_id.find(id);
  if (found == nullptr || found->opened != 0) return false;
  found->opened = 1;
  return true;
}

void NodeTable::note_asked(std::uint64_t id) {
  if (id == wire::kRootId) {
    root_asked_.store(true, std::memory_order_relaxed);
    return;
  }
  Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  if (Entry* const found = shard.by_id.find(id)) found->asked = 1;
}

bool NodeTable::was_asked(std::uint64_t id) const {
  if (id == wire::kRootId) return root_asked_.load(std::memory_order_relaxed);
  const Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  const Entry* const found = shard.by_id.find(id);
  return found != nullptr && found->asked != 0;
}

std::vector<NodePtr> NodeTable::all() const {
  std::vector<NodePtr> nodes{root_};
  for (const Shard& shard : shards_) {
    const std::lock_guard lock(shard.mutex);
    shard.by_id.each([&](std::uint64_t, const Entry& entry) { nodes.push_back(entry.node); });
  }
  return nodes;
}

// Takes `count` look-ups back, unless they are the last ones: then nothing is changed and the node is returned.
NodePtr NodeTable::take_back(std::uint64_t id, std::uint64_t count) {
  Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  Entry* const found = shard.by_id.find(id);
  if (found == nullptr) return nullptr;
  if (found->lookups <= count) return found->node;
  found->lookups -= count;
  return nullptr;
}

// The names by which the node can be found again, which may be none if it has others that nobody looked up; empty if
// the file is gone.
std::optional<Forgotten> NodeTable::what_is_left(std::uint64_t id, const NodePtr& node) const {
  if (UnionFs::is_removed(node)) return std::nullopt;
  Forgotten left{id, UnionFs::inode_number(node), {}, {}};
  UnionFs::each_name(node, [&left](std::uint64_t parent, const std::string& name) {
    if (left.name.name.empty()) left.name = {parent, name};
    else if (left.others.size() < ForgottenNodes::kMostOthers) left.others.push_back({parent, name});
  });
  if (!left.name.name.empty()) return left;
  const Result<aufs::Attr> attr = fs_.getattr(node);
  return attr && attr->st.st_nlink > 0 ? std::optional(std::move(left)) : std::nullopt;
}

bool NodeTable::forget(std::uint64_t id, std::uint64_t count) {
  if (id == wire::kRootId) return false;
  // Also keeps the end of the node, which may be work, outside the lock.
  const NodePtr last = take_back(id, count);
  if (last == nullptr) return false;
  std::optional<Forgotten> left = what_is_left(id, last);
  const std::uint64_t ino = UnionFs::inode_number(last);
  Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  Entry* const found = shard.by_id.find(id);
  if (found == nullptr) return false;
  // It may have been looked up meanwhile.
  if (found->lookups > count) {
    found->lookups -= count;
    return false;
  }
  UnionFs::number_of_front(last) = 0;
  shard.by_id.erase(id);
  size_.fetch_sub(1, std::memory_order_relaxed);
  if (left) shard.forgotten.put(*std::move(left));
  else shard.forgotten.drop(ino);
  return true;
}

std::optional<Forgotten> NodeTable::forgotten(std::uint64_t id) const {
  const Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  const Forgotten* const known = shard.forgotten.find_id(id);
  return known == nullptr ? std::nullopt : std::optional(*known);
}

std::optional<KnownName> NodeTable::forgotten_name(std::uint64_t ino) const {
  const Shard& shard = shards_[shard_of(ino)];
  const std::lock_guard lock(shard.mutex);
  const Forgotten* const known = shard.forgotten.find(ino);
  if (known == nullptr || known->name.name.empty()) return std::nullopt;
  return known->name;
}

void NodeTable::give_up(std::uint64_t id) {
  Shard& shard = shards_[id % kShards];
  const std::lock_guard lock(shard.mutex);
  const Forgotten* const known = shard.forgotten.find_id(id);
  if (known != nullptr && shard.by_id.find(id) == nullptr) shard.forgotten.drop(known->ino);
}

}  // namespace aufs::fuse
