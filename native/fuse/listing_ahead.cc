// SPDX-License-Identifier: MIT
#include "fuse/listing_ahead.h"

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

namespace aufs::fuse {
namespace {

using Clock = LazyThread::Clock;

// Of fewer directories the caller is through before there is anything to gain.
constexpr std::size_t kFewest = 3;
constexpr std::size_t kMostDirectories = 65'536;

}  // namespace

ListingAhead::ListingAhead(UnionFs& fs, const NodeTable& nodes, bool enabled)
    : fs_(fs),
      nodes_(nodes),
      enabled_(enabled && std::thread::hardware_concurrency() > 1),
      thread_([this] { return prepare(); }) {}

void ListingAhead::told(std::vector<ToldDirectory> directories) {
  if (!enabled_ || directories.size() < kFewest || directories.size() > kMostDirectories) return;
  const auto by_name = [](const ToldDirectory& a, const ToldDirectory& b) { return a.name < b.name; };
  const bool sorted = std::is_sorted(directories.begin(), directories.end(), by_name);
  add(directories);
  if (sorted) return;
  std::sort(directories.begin(), directories.end(), by_name);
  add(directories);
}

void ListingAhead::add(const std::vector<ToldDirectory>& directories) {
  Order order;
  order.directories.reserve(directories.size());
  for (const ToldDirectory& directory : directories) order.directories.push_back(directory.nodeid);
  const std::lock_guard lock(mutex_);
  orders_[oldest_] = std::move(order);
  oldest_ = (oldest_ + 1) % kOrders;
}

// False if it is not the turn of this directory. Some are passed over: what has no files is not listed by everybody.
bool ListingAhead::Order::follow(std::uint64_t directory) {
  const auto begin = directories.begin() + static_cast<std::ptrdiff_t>(next);
  const auto end = begin + static_cast<std::ptrdiff_t>(std::min(kPassedOver, directories.size() - next));
  const auto found = std::find(begin, end, directory);
  if (found == end) return false;
  next = static_cast<std::size_t>(found - directories.begin()) + 1;
  ++followed;
  return true;
}

PreparedListing ListingAhead::listed(std::uint64_t directory) {
  if (!enabled_) return {};
  PreparedListing prepared;  // whose nodes may end outside the lock
  Clock::time_point since;
  {
    const std::lock_guard lock(mutex_);
    if (const std::uint64_t next = next_after(directory); next != 0) {
      wanted_ = next;
      thread_.ask();
    }
    if (prepared_for_ != directory) return {};
    prepared_for_ = 0;
    std::swap(prepared, prepared_);
    since = prepared_at_;
  }
  return Clock::now() - since < kGood ? std::move(prepared) : PreparedListing{};
}

// The directory that comes after this one, if the caller goes on as he did; 0 if nobody knows.
std::uint64_t ListingAhead::next_after(std::uint64_t directory) {
  const Order* best = nullptr;
  for (Order& order : orders_) {
    if (!order.follow(directory) || order.followed < 2 || order.next >= order.directories.size()) continue;
    if (best == nullptr || order.followed > best->followed) best = &order;
  }
  return best == nullptr ? 0 : best->directories[best->next];
}

std::optional<Clock::duration> ListingAhead::prepare() noexcept {
  PreparedListing prepared;  // or nothing, when nobody came for the last
  std::uint64_t directory = 0;
  {
    const std::lock_guard lock(mutex_);
    directory = std::exchange(wanted_, 0);
  }
  const Clock::time_point now = Clock::now();
  if (directory != 0) prepared = look_up(directory);
  const std::lock_guard lock(mutex_);
  std::swap(prepared_, prepared);
  prepared_for_ = directory;
  prepared_at_ = now;
  return directory != 0 ? std::optional<Clock::duration>(kGood) : std::nullopt;
}

PreparedListing ListingAhead::look_up(std::uint64_t directory) {
  PreparedListing prepared;
  try {
    const NodePtr node = nodes_.get(directory);
    if (node == nullptr) return {};
    Result<std::vector<DirEntry>> entries = fs_.readdir(node);
    if (!entries || entries->size() > kMostEntries) return {};
    prepared.entries = *std::move(entries);
    prepared.found.reserve(prepared.entries.size());
    for (const DirEntry& entry : prepared.entries) {
      Result<Found> found = fs_.lookup(node, entry.name);
      prepared.found.push_back(found ? *std::move(found) : Found{});
    }
  } catch (const std::bad_alloc&) {
    return {};
  }
  return prepared;
}

}  // namespace aufs::fuse
