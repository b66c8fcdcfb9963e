// SPDX-License-Identifier: MIT
#include "fuse/files_ahead.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <new>
#include <thread>
#include <utility>

#include "sys/limits.h"

namespace aufs::fuse {
namespace {

// Before so many were told, nobody knows what the caller does.
constexpr std::size_t kFewest = 8;
// What is longer ago counts half, and again.
constexpr std::size_t kRemembered = 512;

}  // namespace

FilesAhead::FilesAhead(UnionFs& fs, NodeTable& nodes, IoModes& modes, bool enabled)
    : fs_(fs),
      nodes_(nodes),
      modes_(modes),
      enabled_(enabled && std::thread::hardware_concurrency() > 1),
      most_open_(std::min(kMostOpen, sys::open_file_limit() / 8)),
      thread_([this] { return prepare(); }) {}

bool FilesAhead::is_suitable(const Found& found) const {
  const off_t size = found.attr.st.st_size;
  return enabled_ && S_ISREG(found.attr.st.st_mode) && size > 0 && size <= static_cast<off_t>(kSmallFile) &&
         fs_.stays_when_opened(found);
}

// --- whoever serves

void FilesAhead::told(int device, std::vector<std::uint64_t> nodeids) {
  if (!enabled_ || nodeids.empty()) return;
  const std::size_t files = nodeids.size();
  Batch batch{device, std::move(nodeids), nullptr};
  const std::lock_guard lock(mutex_);
  const bool wanted = opens_them() && files <= kMostFiles;
  count_told(files);
  if (wanted) want(batch);
}

void FilesAhead::listed_again(int device, const NodePtr& dir) {
  if (!enabled_) return;
  Batch batch{device, {}, dir};
  const std::lock_guard lock(mutex_);
  if (opens_them()) want(batch);
}

bool FilesAhead::opens_them() const noexcept {
  return told_ >= kFewest && opened_ * 2 >= told_;
}

void FilesAhead::count_told(std::size_t files) noexcept {
  for (told_ += files; told_ > kRemembered; told_ /= 2) opened_ /= 2;
}

// What was wanted before is given back, to end outside the lock.
void FilesAhead::want(Batch& batch) {
  std::swap(wanted_, batch);
  superseded_.store(true, std::memory_order_relaxed);
  thread_.ask();
}

void FilesAhead::opened(std::uint64_t nodeid) {
  if (!enabled_) return;
  const std::lock_guard lock(mutex_);
  const auto found = ready_.find(nodeid);
  if (found != ready_.end() && std::exchange(found->second.used, true)) return;
  // Not who opens one file again and again, and others are opened, too.
  if (std::exchange(last_opened_, nodeid) != nodeid && opened_ < told_) ++opened_;
}

OpenFilePtr FilesAhead::ready(std::uint64_t nodeid) {
  const std::lock_guard lock(mutex_);
  const auto found = ready_.find(nodeid);
  if (found == ready_.end()) return nullptr;
  return found->second.file;
}

void FilesAhead::drop(std::uint64_t nodeid) {
  Ready last;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = ready_.find(nodeid);
  if (found == ready_.end()) return;
  std::swap(last, found->second);
  ready_.erase(found);
}

void FilesAhead::drop_all() {
  start_over();
  superseded_.store(true, std::memory_order_relaxed);
  thread_.wait_until_idle();
  start_over();
}

// What is wanted now. What was ready before is dropped.
FilesAhead::Batch FilesAhead::start_over() {
  ReadyFiles last;  // closed outside the lock
  const std::lock_guard lock(mutex_);
  std::swap(last, ready_);
  superseded_.store(false, std::memory_order_relaxed);
  return std::exchange(wanted_, {});
}

// --- the thread

bool FilesAhead::is_over() const {
  return superseded_.load(std::memory_order_relaxed) || thread_.is_stopping();
}

std::optional<LazyThread::Clock::duration> FilesAhead::prepare() noexcept {
  const Batch batch = start_over();
  try {
    if (batch.again != nullptr) open_again(batch);
    else if (!batch.nodeids.empty()) give_all(batch);
    else return std::nullopt;
  } catch (const std::bad_alloc&) {  // then not
  }
  return kGood;
}

void FilesAhead::give_all(const Batch& batch) {
  buffer_.resize(kSmallFile);
  std::size_t bytes = 0;
  for (const std::uint64_t nodeid : batch.nodeids) {
    if (bytes > kMostBytes || is_over()) break;
    bytes += give(batch.device, nodeid);
  }
}

// Those that the kernel knows, and need not be told of. It has the data of most.
void FilesAhead::open_again(const Batch& batch) {
  const Result<std::vector<DirEntry>> names = fs_.readdir(batch.again);
  if (!names || names->size() > kMostFiles) return;
  for (const DirEntry& entry : *names) {
    if (is_over()) break;
    if (entry.type != DT_REG || fs_.known_lower(batch.again, entry.name) == nullptr) continue;
    const Result<Found> found = fs_.lookup(batch.again, entry.name);
    const std::uint64_t nodeid = found ? nodes_.find(found->node) : 0;
    if (nodeid == 0 || !is_suitable(*found)) continue;
    {
      const std::lock_guard lock(mutex_);
      count_told(1);
    }
    if (Result<OpenFilePtr> file = fs_.open(found->node, O_RDONLY)) keep(nodeid, *std::move(file));
  }
}

// How many bytes it has.
std::size_t FilesAhead::give(int device, std::uint64_t nodeid) {
  if (!nodes_.is_first_open(nodeid)) return 0;
  const NodePtr node = nodes_.get(nodeid);
  if (node == nullptr) return 0;
  Result<OpenFilePtr> file = fs_.open(node, O_RDONLY);
  if (!file) return 0;
  const std::size_t bytes = give_early(fs_, modes_, device, *file, nodeid, buffer_);
  if (bytes != 0) keep(nodeid, *std::move(file));
  return bytes;
}

void FilesAhead::keep(std::uint64_t nodeid, OpenFilePtr file) {
  const std::lock_guard lock(mutex_);
  if (ready_.size() < most_open_) ready_.emplace(nodeid, Ready{std::move(file)});
}

}  // namespace aufs::fuse
