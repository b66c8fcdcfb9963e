// SPDX-License-Identifier: MIT
#include "union/node.h"

#include "union/inode_table.h"

namespace aufs {

void NodePtr::hold(Node& node) noexcept {
  node.held_.fetch_add(1, std::memory_order_relaxed);
}

void NodePtr::let_go(Node& node) noexcept {
  if (node.held_.fetch_sub(1, std::memory_order_acq_rel) == 1) node.end();
}

NodePtr NodePtr::if_alive(Node& node) noexcept {
  std::uint32_t held = node.held_.load(std::memory_order_relaxed);
  while (held != 0) {
    if (node.held_.compare_exchange_weak(held, held + 1, std::memory_order_acquire,
                                         std::memory_order_relaxed))
      return NodePtr(&node);
  }
  return nullptr;
}

WeakNodePtr::WeakNodePtr(Node* node) noexcept : node_(node) {
  if (node_ != nullptr) node_->watched_.fetch_add(1, std::memory_order_relaxed);
}

WeakNodePtr::~WeakNodePtr() {
  if (node_ != nullptr) node_->stop_watching();
}

// Nobody finds it any more before what it holds goes, which may be the end of the directories above.
void Node::end() noexcept {
  table_.drop(*this);
  table_.leave();
  names.clear();
  dir.reset();
  rare_.reset();
  stop_watching();
}

void Node::stop_watching() noexcept {
  if (watched_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace aufs
