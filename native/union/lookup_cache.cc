// SPDX-License-Identifier: MIT
#include "union/lookup_cache.h"

#include <algorithm>
#include <utility>

namespace aufs {

void LookupCache::added(const NodePtr& dir, std::size_t names) {
  const std::lock_guard guard(mutex_);
  const std::size_t cost = names + 1;
  if (const auto at = by_dir_.find(dir.get()); at != by_dir_.end()) {
    names_ += cost - at->second->names;
    at->second->names = cost;
    return;
  }
  slots_.push_back({dir, cost});
  by_dir_.emplace(dir.get(), std::prev(slots_.end()));
  names_ += cost;
}

void LookupCache::dropped(const Node& dir) {
  NodePtr keep;  // the node may die with its slot; not under the mutex
  const std::lock_guard guard(mutex_);
  const auto at = by_dir_.find(&dir);
  if (at == by_dir_.end()) return;
  names_ -= at->second->names;
  keep = std::move(at->second->dir);
  slots_.erase(at->second);
  by_dir_.erase(at);
}

NodePtr LookupCache::pop_oldest() {
  const std::lock_guard guard(mutex_);
  if (names_ <= max_names_ || slots_.empty()) return nullptr;
  Slot slot = std::move(slots_.front());
  slots_.pop_front();
  by_dir_.erase(slot.dir.get());
  names_ -= slot.names;
  return std::move(slot.dir);
}

void LookupCache::make_room() {
  while (const NodePtr dir = pop_oldest()) {
    const std::lock_guard guard(dir->dir->lock);
    if (!dir->dir->removed) dir->dir->index.reset();
  }
}

void LookupCache::clear() {
  std::list<Slot> old;
  const std::lock_guard guard(mutex_);
  old.swap(slots_);
  by_dir_.clear();
  names_ = 0;
}

void DirFdCache::opened(const NodePtr& dir, BranchIndex branch) {
  const std::lock_guard guard(mutex_);
  slots_.push_back({dir, branch});
  // Each slot gets at most one second chance in a row, so this ends.
  for (std::size_t chances = slots_.size(); slots_.size() > max_open_;) {
    Slot slot = std::move(slots_.front());
    slots_.pop_front();
    const NodePtr victim = slot.dir.lock();
    if (!victim || victim->dir->removed) continue;  // a removed directory cannot be opened again
    const std::lock_guard layers(victim->dir->layers_mutex);
    for (DirLayer& layer : victim->dir->layers) {
      if (layer.branch != slot.branch) continue;
      if (layer.used && chances > 0) {
        layer.used = false;
        --chances;
        slots_.push_back(std::move(slot));
      } else {
        layer.fd.reset();
      }
      break;
    }
  }
}

void DirFdCache::renumber(const std::function<BranchIndex(BranchIndex)>& renumbering) {
  const std::lock_guard guard(mutex_);
  for (Slot& slot : slots_) slot.branch = renumbering(slot.branch);
  slots_.erase(
      std::remove_if(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.branch == kNoBranch; }),
      slots_.end());
}

}  // namespace aufs
