// SPDX-License-Identifier: MIT
#include "fuse/listing_ahead.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <utility>

namespace aufs::fuse {
namespace {

using Clock = std::chrono::steady_clock;

// Of fewer directories the caller is through before there is anything to gain.
constexpr std::size_t kFewest = 3;
constexpr std::size_t kMostDirectories = 65'536;

}  // namespace

ListingAhead::ListingAhead(UnionFs& fs, const NodeTable& nodes, bool enabled)
    : fs_(fs), nodes_(nodes), enabled_(enabled && std::thread::hardware_concurrency() > 1) {}

ListingAhead::~ListingAhead() {
  stop();
  if (thread_.joinable()) thread_.join();
}

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
    if (const std::uint64_t next = next_after(directory); next != 0) want(next);
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

void ListingAhead::want(std::uint64_t directory) {
  if (stopping_) return;
  wanted_ = directory;
  if (thread_.joinable()) {
    wake_.notify_one();
    return;
  }
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {  // then not
  }
}

void ListingAhead::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
}

bool ListingAhead::is_idle() const {
  const std::lock_guard lock(mutex_);
  return !working_;
}

void ListingAhead::run() noexcept {
  usual_.take();
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    const auto is_due = [this] { return stopping_ || wanted_ != 0; };
    if (prepared_for_ == 0) wake_.wait(lock, is_due);
    else wake_.wait_for(lock, kGood, is_due);
    PreparedListing prepared;  // or nothing, when nobody came for the last
    const Clock::time_point now = Clock::now();
    const std::uint64_t directory = std::exchange(wanted_, 0);
    working_ = true;
    lock.unlock();
    if (directory != 0) prepared = look_up(directory);
    lock.lock();
    working_ = false;
    std::swap(prepared_, prepared);
    prepared_for_ = directory;
    prepared_at_ = now;
    lock.unlock();
    prepared = {};  // nodes that nobody else has end outside the lock
    lock.lock();
  }
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
