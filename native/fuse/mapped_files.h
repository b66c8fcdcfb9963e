// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <unordered_map>

namespace aufs::fuse {

// The files that may be changed by stores into memory. A shared mapping of a passthrough file is a mapping of the backing
// file itself, and outlives the FUSE file: RELEASE comes at close(2), not at munmap(2). Neither kernel nor server hears of the
// stores, so the kernel must not keep attributes of such a file. A file is unsettled from its first passthrough open for
// reading and writing (a shared mapping that can be stored to needs both) until it has no such open and no mapping.
//
// Kept by nodeid: if the kernel forgets the inode while the mapping lives, the next one of that file counts as settled.
//
// Thread-safe. Whoever is told `true` below has to notify the kernel afterwards, so that attributes that are on their way to it
// in another reply are not kept.
class MappedFiles {
 public:
  // A passthrough open for reading and writing, before it is answered. True if the file was settled until now.
  bool open(std::uint64_t nodeid);
  void close(std::uint64_t nodeid);
  void forget(std::uint64_t nodeid);

  // Whether attributes may change unseen. No lock is taken where no file is unsettled.
  bool has(std::uint64_t nodeid) const;

  // Settles a file that has no open and, as `is_written` says, no mapping. True if it is settled by this call. The kernel opens
  // no backing file of the shard meanwhile.
  bool settle(std::uint64_t nodeid, const std::function<bool()>& is_written);

 private:
  static constexpr std::size_t kShards = 16;
  struct alignas(64) Shard {
    mutable std::mutex mutex;
    std::unordered_map<std::uint64_t, std::uint32_t> opens;  // of the unsettled ones; guarded by mutex
  };
  std::array<Shard, kShards> shards_;
  std::atomic<std::size_t> count_{0};
};

}  // namespace aufs::fuse
