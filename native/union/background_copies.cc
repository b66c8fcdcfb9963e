// SPDX-License-Identifier: MIT
#include "union/background_copies.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace aufs {

bool BackgroundCopies::has_room() const {
  const std::lock_guard guard(mutex_);
  return unfinished_.size() < kMost;
}

bool BackgroundCopies::has(const NodePtr& node) const {
  const std::lock_guard guard(mutex_);
  return std::find(unfinished_.begin(), unfinished_.end(), node) != unfinished_.end();
}

void BackgroundCopies::add(const NodePtr& node, Work work) {
  const std::lock_guard guard(mutex_);
  unfinished_.push_back(node);
  queue_.push_back({node, std::move(work)});
  if (!thread_.joinable()) {
    try {
      thread_ = std::thread([this] { serve(); });
    } catch (const std::system_error&) {
      // Whoever has to wait for the file copies it then.
    }
  }
  wake_.notify_one();
}

void BackgroundCopies::done(const NodePtr& node) {
  const std::lock_guard guard(mutex_);
  std::erase(unfinished_, node);
}

void BackgroundCopies::let_go(const NodePtr& node) {
  const std::lock_guard guard(mutex_);
  std::erase_if(abandoned_, [](const WeakNodePtr& left) { return left.expired(); });
  if (std::erase(unfinished_, node) > 0) abandoned_.push_back(node);
}

std::vector<NodePtr> BackgroundCopies::all() const {
  const std::lock_guard guard(mutex_);
  std::vector<NodePtr> nodes = unfinished_;
  nodes.reserve(nodes.size() + abandoned_.size());
  for (const WeakNodePtr& left : abandoned_) {
    if (NodePtr node = left.lock()) nodes.push_back(std::move(node));
  }
  return nodes;
}

void BackgroundCopies::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
  queue_.clear();
  unfinished_.clear();
}

void BackgroundCopies::serve() {
  usual_.take();
  for (;;) {
    Task task;
    {
      std::unique_lock guard(mutex_);
      wake_.wait(guard, [this] { return stopping_ || !queue_.empty(); });
      if (stopping_) return;
      task = std::move(queue_.front());
      queue_.pop_front();
    }
    task.work(task.node);
  }
}

}  // namespace aufs
