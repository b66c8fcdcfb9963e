// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "fuse/listing_ahead.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// An open file as the kernel knows it by its fh.
struct FileHandle {
  OpenFilePtr file;
  std::uint64_t nodeid;
  bool passthrough;
  // shared mappings made from it can be stored to, past the server
  bool mappable;
};

// An open directory. What it lists is a snapshot taken when reading starts at the beginning, so that names that come
// and go meanwhile neither repeat nor hide others.
struct DirHandle {
  explicit DirHandle(NodePtr dir) : node(std::move(dir)) {}
  const NodePtr node;
  std::mutex mutex;
  std::optional<std::vector<DirEntry>> snapshot;  // guarded by mutex, as what follows
  PreparedListing prepared;
  std::vector<ToldDirectory> told;      // of the directories in it
  std::vector<std::uint64_t> suitable;  // files for FilesAhead
};

// What an fh stands for. Numbers are never given twice. Thread-safe; the shards' mutexes are leaves.
template <typename T>
class HandleTable {
 public:
  std::uint64_t add(std::shared_ptr<T> handle) {
    const std::uint64_t id = next_.fetch_add(1, std::memory_order_relaxed);
    Shard& shard = shards_[id % kShards];
    const std::lock_guard lock(shard.mutex);
    shard.handles.emplace(id, std::move(handle));
    size_.fetch_add(1, std::memory_order_relaxed);
    return id;
  }

  // Null if there is no such handle.
  std::shared_ptr<T> get(std::uint64_t id) const {
    const Shard& shard = shards_[id % kShards];
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.handles.find(id);
    return found == shard.handles.end() ? nullptr : found->second;
  }

  // Removes and returns the handle, so that its end happens outside the lock.
  std::shared_ptr<T> take(std::uint64_t id) {
    Shard& shard = shards_[id % kShards];
    const std::lock_guard lock(shard.mutex);
    const auto found = shard.handles.find(id);
    if (found == shard.handles.end()) return nullptr;
    std::shared_ptr<T> handle = std::move(found->second);
    shard.handles.erase(found);
    size_.fetch_sub(1, std::memory_order_relaxed);
    return handle;
  }

  std::vector<std::shared_ptr<T>> all() const {
    std::vector<std::shared_ptr<T>> handles;
    for (const Shard& shard : shards_) {
      const std::lock_guard lock(shard.mutex);
      for (const auto& [id, handle] : shard.handles) handles.push_back(handle);
    }
    return handles;
  }

  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 16;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, std::shared_ptr<T>> handles;  // guarded by mutex
  };
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> next_{1};
  std::atomic<std::size_t> size_{0};
};

}  // namespace aufs::fuse
