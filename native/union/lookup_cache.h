// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <list>
#include <mutex>
#include <unordered_map>

#include "union/node.h"

namespace aufs {

// Bounds the memory of directory indexes (DirIndex): keeps the directories read last, drops the index of those read
// longest ago. Holds its directories alive, so that the in-process API, which holds none, has a cache too.
// Thread-safe; the mutex is a leaf.
class LookupCache {
 public:
  explicit LookupCache(std::size_t max_names) : max_names_(max_names) {}

  // `dir` has an index of `names` names now.
  void added(const NodePtr& dir, std::size_t names);
  // `dir` has no index any more, or is gone.
  void dropped(const Node& dir);
  // Drops indexes until the bound holds. The caller holds no Directory::lock.
  void make_room();
  void clear();

 private:
  struct Slot {
    NodePtr dir;
    std::size_t names;
  };
  NodePtr pop_oldest();

  const std::size_t max_names_;
  std::mutex mutex_;
  std::list<Slot> slots_;  // oldest first; guarded by mutex_, as what follows
  std::unordered_map<const Node*, std::list<Slot>::iterator> by_dir_;
  std::size_t names_ = 0;
};

// Bounds the number of open directory descriptors: second-chance order. Thread-safe; the mutex is a leaf, and so is the
// layers_mutex of the directory that loses its descriptor.
class DirFdCache {
 public:
  explicit DirFdCache(std::size_t max_open) : max_open_(max_open) {}

  // `dir` has opened its layer of `branch`. The caller holds no layers_mutex.
  void opened(const NodePtr& dir, BranchIndex branch);
  // The branches have other numbers now; kNoBranch for one that is gone.
  void renumber(const std::function<BranchIndex(BranchIndex)>& renumbering);

 private:
  struct Slot {
    WeakNodePtr dir;
    BranchIndex branch;
  };

  const std::size_t max_open_;
  std::mutex mutex_;
  std::deque<Slot> slots_;  // guarded by mutex_
};

}  // namespace aufs
