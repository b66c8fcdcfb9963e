// SPDX-License-Identifier: MIT
#include "fuse/files_ahead.h"

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

void FilesAhead::told(int device, std::vector<std::uint64_t> nodeids) {
  if (!enabled_ || nodeids.empty()) return;
  const std::lock_guard lock(mutex_);
  const bool opens_them = told_ >= kFewest && opened_ * 2 >= told_;
  told_ += nodeids.size();
  for (; told_ > kRemembered; told_ /= 2) opened_ /= 2;
  if (!opens_them || nodeids.size() > kMostFiles) return;
  wanted_ = {device, std::move(nodeids)};
  superseded_.store(true, std::memory_order_relaxed);
  thread_.ask();
}

void FilesAhead::opened() {
  const std::lock_guard lock(mutex_);
  ++opened_;
}

OpenFilePtr FilesAhead::ready(std::uint64_t nodeid) {
  const std::lock_guard lock(mutex_);
  const auto found = ready_.find(nodeid);
  if (found == ready_.end()) return nullptr;
  if (!std::exchange(found->second.used, true)) ++opened_;
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

std::optional<LazyThread::Clock::duration> FilesAhead::prepare() noexcept {
  const Batch batch = start_over();
  if (batch.nodeids.empty()) return std::nullopt;
  try {
    buffer_.resize(kSmallFile);
    std::size_t bytes = 0;
    for (const std::uint64_t nodeid : batch.nodeids) {
      if (bytes > kMostBytes || superseded_.load(std::memory_order_relaxed) || thread_.is_stopping()) break;
      bytes += give(batch.device, nodeid);
    }
  } catch (const std::bad_alloc&) {  // then not
  }
  return kGood;
}

// How many bytes it has.
std::size_t FilesAhead::give(int device, std::uint64_t nodeid) {
  if (!nodes_.is_first_open(nodeid)) return 0;
  const NodePtr node = nodes_.get(nodeid);
  if (node == nullptr) return 0;
  Result<OpenFilePtr> file = fs_.open(node, O_RDONLY);
  if (!file) return 0;
  const std::size_t bytes = give_early(fs_, modes_, device, *file, nodeid, buffer_);
  if (bytes == 0) return 0;
  const std::lock_guard lock(mutex_);
  if (ready_.size() < most_open_) ready_.emplace(nodeid, Ready{*std::move(file)});
  return bytes;
}

}  // namespace aufs::fuse
