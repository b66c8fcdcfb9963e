// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <unordered_map>

#include "base/result.h"

namespace aufs::fuse {

// The ioctls of passthrough, apart so that the rules below can be tested without a kernel.
class BackingRegistry {
 public:
  virtual ~BackingRegistry() = default;
  virtual Result<std::int32_t> open_backing(int fd) = 0;
  virtual void close_backing(std::int32_t id) = 0;
};

// How one open is to be answered.
struct OpenMode {
  bool passthrough;
  std::int32_t backing_id;  // 0 unless passthrough
  bool keep_cache;          // pages that the kernel has of the file are still good
};

// Decides for each open whether the kernel does the file's I/O itself (passthrough) or through its page cache and us.
// The kernel's rule (Linux 6.9): all opens of an inode at one time are of one kind, and all passthrough opens have the same
// backing id; anything else fails with EIO. So the first open decides, and the others follow until the last is closed.
// Closes reach us later than they happen, never earlier, so our count errs on the safe side.
//
// Thread-safe. A shard's mutex is held over the registry's ioctls (some 4 us), so that two first opens of a file agree.
class IoModes {
 public:
  // Null registry: no passthrough, because of `why_not`.
  IoModes(BackingRegistry* registry, const char* why_not) noexcept;

  // `backing_fd`: the data as it may be given to the kernel; empty if this open should not be passthrough on its own account.
  OpenMode open(std::uint64_t nodeid, std::optional<int> backing_fd);
  void close(std::uint64_t nodeid, bool passthrough);
  // Calls `work` if nobody has the file open, and pages that the kernel may have of it are good. Opens of it wait until that returns.
  void while_closed(std::uint64_t nodeid, const std::function<void()>& work);
  // The kernel has dropped the inode, and with it its pages.
  void forget(std::uint64_t nodeid);

  // Why new opens are not passthrough; null if they are.
  const char* why_not() const noexcept { return why_not_.load(std::memory_order_relaxed); }
  // The same for this process alone, when the registry refused: used by the start-up probe.
  void give_up(const char* reason) noexcept { why_not_.store(reason, std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 64;
  struct State {
    std::uint32_t cached = 0;       // opens through the page cache
    std::uint32_t passthrough = 0;  // opens with backing_id
    std::int32_t backing_id = 0;    // registered while passthrough > 0
    bool stale = false;             // data changed behind the page cache: the next cached open starts afresh
  };
  struct alignas(64) Shard {
    std::mutex mutex;
    std::unordered_map<std::uint64_t, State> states;  // guarded by mutex
  };
  std::int32_t register_backing(int fd);

  BackingRegistry* const registry_;
  std::atomic<const char*> why_not_;
  std::array<Shard, kShards> shards_;
};

// What an error of BACKING_OPEN says about all later ones; null if it concerns this one file only.
const char* lasting_reason(int code) noexcept;

}  // namespace aufs::fuse
