// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>

namespace aufs {

class Node;  // one inode of the union; see node.h

// Keeps a node alive. Half of a std::shared_ptr, and nothing beside the node, which has the counts.
class NodePtr {
 public:
  NodePtr() noexcept = default;
  NodePtr(std::nullptr_t) noexcept {}
  NodePtr(const NodePtr& other) noexcept : node_(other.node_) {
    if (node_ != nullptr) hold(*node_);
  }
  NodePtr(NodePtr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  NodePtr& operator=(NodePtr other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~NodePtr() {
    if (node_ != nullptr) let_go(*node_);
  }
  // Null if nobody keeps the node alive any more. It must not be deleted meanwhile.
  static NodePtr if_alive(Node& node) noexcept;

  void reset() noexcept { *this = nullptr; }
  Node* get() const noexcept { return node_; }
  Node* operator->() const noexcept { return node_; }
  Node& operator*() const noexcept { return *node_; }
  explicit operator bool() const noexcept { return node_ != nullptr; }
  bool operator==(const NodePtr&) const noexcept = default;
  bool operator==(std::nullptr_t) const noexcept { return node_ == nullptr; }

 private:
  friend class InodeTable;
  // Takes over what is counted already.
  explicit NodePtr(Node* held) noexcept : node_(held) {}
  static void hold(Node& node) noexcept;
  static void let_go(Node& node) noexcept;

  Node* node_ = nullptr;
};

// Knows a node without keeping it alive, as std::weak_ptr does: its memory stays, what it held does not.
class WeakNodePtr {
 public:
  WeakNodePtr(const NodePtr& node) noexcept : WeakNodePtr(node.get()) {}
  WeakNodePtr(const WeakNodePtr& other) noexcept : WeakNodePtr(other.node_) {}
  WeakNodePtr(WeakNodePtr&& other) noexcept : node_(std::exchange(other.node_, nullptr)) {}
  WeakNodePtr& operator=(WeakNodePtr other) noexcept {
    std::swap(node_, other.node_);
    return *this;
  }
  ~WeakNodePtr();

  NodePtr lock() const noexcept { return node_ == nullptr ? nullptr : NodePtr::if_alive(*node_); }
  bool expired() const noexcept { return lock() == nullptr; }

 private:
  explicit WeakNodePtr(Node* node) noexcept;

  Node* node_;
};

}  // namespace aufs
