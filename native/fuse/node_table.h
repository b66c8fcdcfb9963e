// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <vector>

#include "base/number_map.h"
#include "fuse/forgotten.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// Which union inode the kernel means by a nodeid, and how often it has been told of it. One Node has one nodeid for as
// long as the kernel remembers it, and, within the bounds of ForgottenNodes, the same again when it is seen later: file handles are made
// of it. A file that lost its last name loses its nodeid too, which no other file ever gets, so the generation can stay 0.
//
// Thread-safe. The table is cut into shards: the inode number names the shard, and so do the low bits of a nodeid. Each
// shard's mutex is a leaf: nothing else is locked and no system call is made while it is held.
class NodeTable {
 public:
  // One for each union at a time: it keeps nodeids with the nodes.
  explicit NodeTable(UnionFs& fs);
  ~NodeTable();

  // The node, or null if the kernel has forgotten it (it then should not ask).
  NodePtr get(std::uint64_t id) const;

  // The nodeid of `node`, with one look-up more on its account: for every reply that carries an entry.
  std::uint64_t remember(const NodePtr& node);

  // Takes `count` look-ups back. True if that was the last of them and the nodeid is gone. The root stays.
  bool forget(std::uint64_t id, std::uint64_t count);

  // What is known of a nodeid that the kernel has forgotten.
  std::optional<Forgotten> forgotten(std::uint64_t id) const;
  // A name of the forgotten inode `ino`.
  std::optional<KnownName> forgotten_name(std::uint64_t ino) const;
  // What is known of the forgotten nodeid turned out to be wrong.
  void give_up(std::uint64_t id);

  // The nodeid of `node`; 0 if the kernel does not know it.
  std::uint64_t find(const NodePtr& node) const;

  // All nodes that the kernel knows, the root included.
  std::vector<NodePtr> all() const;

  // True at the first call for this nodeid since the kernel got to know it.
  bool is_first_open(std::uint64_t id);

  // A name in this directory was looked up for itself; whether one ever was, since the kernel got to know the directory.
  void note_asked(std::uint64_t id);
  bool was_asked(std::uint64_t id) const;

  // Number of inodes that the kernel knows, the root included.
  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 64;
  struct Entry {
    NodePtr node;
    std::uint64_t lookups : 62 = 0;
    std::uint64_t opened : 1 = 0;
    std::uint64_t asked : 1 = 0;
  };
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    // Guarded by mutex, as is UnionFs::number_of_front() of each node in it.
    NumberMap<Entry> by_id;
    ForgottenNodes forgotten;  // guarded by mutex
  };
  static std::size_t shard_of(std::uint64_t ino) noexcept;
  NodePtr take_back(std::uint64_t id, std::uint64_t count);
  std::optional<Forgotten> what_is_left(std::uint64_t id, const NodePtr& node) const;

  UnionFs& fs_;
  const NodePtr root_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> next_{1};  // 0 would give ids that collide with the root's
  std::atomic<std::size_t> size_{1};
  std::atomic<bool> root_asked_{false};
};

}  // namespace aufs::fuse
