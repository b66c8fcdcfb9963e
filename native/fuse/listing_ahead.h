// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "fuse/lazy_thread.h"
#include "fuse/node_table.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// What was looked up of a directory before its listing was asked for.
struct PreparedListing {
  std::vector<DirEntry> entries;
  std::vector<Found> found;  // of each; a null node where there was none

  // What was found of this entry, which may be used once and only if UnionFs::still_holds() says so; null if nothing was. `place`: in the listing.
  Found* at(std::size_t place, const DirEntry& entry) noexcept {
    const bool same = place < found.size() && entries[place].ino == entry.ino &&
                      entries[place].name == entry.name && found[place].node != nullptr;
    return same ? &found[place] : nullptr;
  }
};

// A directory that a listing told of.
struct ToldDirectory {
  std::string name;
  std::uint64_t nodeid;
};

// Looks up what the next listing will tell, while the caller looks at the last: who walks through a tree lists the directories of a directory in
// the order in which he was told of them, or sorted by name. After two in such an order the next is read, on a thread of its own, as if the kernel had
// asked by then.
//
// Thread-safe. Under the mutex only the thread's is taken.
class ListingAhead {
 public:
  // Larger ones are left alone: whoever lists those may have other plans, and they take memory.
  static constexpr std::size_t kMostEntries = 2000;
  // For how long what was prepared is good.
  static constexpr std::chrono::milliseconds kGood{500};

  // `enabled`: otherwise it does nothing.
  ListingAhead(UnionFs& fs, const NodeTable& nodes, bool enabled);
  ListingAhead(const ListingAhead&) = delete;
  ListingAhead& operator=(const ListingAhead&) = delete;

  // A listing has told of these, in this order.
  void told(std::vector<ToldDirectory> directories);
  // The listing of this one begins. What is known of it, if that is from a moment ago.
  PreparedListing listed(std::uint64_t directory);

  // Nothing more is begun.
  void stop() { thread_.stop(); }
  // False while something is looked up.
  bool is_idle() const { return thread_.is_idle(); }

 private:
  // Two for each directory on the path down to where the caller is.
  static constexpr std::size_t kOrders = 16;
  static constexpr std::size_t kPassedOver = 4;
  struct Order {
    std::vector<std::uint64_t> directories;
    std::size_t next = 0;   // whose turn it is
    unsigned followed = 0;  // how many were listed in this order

    bool follow(std::uint64_t directory);
  };
  void add(const std::vector<ToldDirectory>& directories);
  std::uint64_t next_after(std::uint64_t directory);
  std::optional<LazyThread::Clock::duration> prepare() noexcept;
  PreparedListing look_up(std::uint64_t directory);

  UnionFs& fs_;
  const NodeTable& nodes_;
  const bool enabled_;
  mutable std::mutex mutex_;
  std::array<Order, kOrders> orders_;  // guarded by mutex_, as what follows
  std::size_t oldest_ = 0;
  std::uint64_t wanted_ = 0;  // 0: none
  PreparedListing prepared_;
  std::uint64_t prepared_for_ = 0;
  LazyThread::Clock::time_point prepared_at_;
  LazyThread thread_;  // uses all of the above
};

}  // namespace aufs::fuse
