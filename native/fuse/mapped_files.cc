// SPDX-License-Identifier: MIT
#include "fuse/mapped_files.h"

namespace aufs::fuse {

bool MappedFiles::open(std::uint64_t nodeid) {
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto [entry, inserted] = shard.opens.try_emplace(nodeid, 0);
  ++entry->second;
  if (inserted) count_.fetch_add(1);
  return inserted;
}

void MappedFiles::close(std::uint64_t nodeid) {
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.opens.find(nodeid);
  if (found != shard.opens.end() && found->second > 0) --found->second;
}

void MappedFiles::forget(std::uint64_t nodeid) {
  if (count_.load() == 0) return;
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  count_.fetch_sub(shard.opens.erase(nodeid));
}

bool MappedFiles::has(std::uint64_t nodeid) const {
  if (count_.load() == 0) return false;
  const Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  return shard.opens.count(nodeid) != 0;
}

bool MappedFiles::settle(std::uint64_t nodeid, const std::function<bool()>& is_written) {
  if (count_.load() == 0) return false;
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.opens.find(nodeid);
  if (found == shard.opens.end() || found->second > 0 || is_written()) return false;
  shard.opens.erase(found);
  count_.fetch_sub(1);
  return true;
}

}  // namespace aufs::fuse
