// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "union/union_fs.h"

namespace aufs {

// One of the names of a node.
struct Name {
  NodePtr parent;
  std::string name;

  bool is(const NodePtr& in, const std::string& called) const noexcept {
    return parent == in && name == called;
  }
};

// The names of a node, in the order in which they came. Nearly every node has one, so the first lies in the list itself and those of
// hard links follow one by one.
class NameList {
  struct Link {
    Name name;
    std::unique_ptr<Link> next;
  };
  template <typename LinkType, typename NameType>
  struct Iterator {
    LinkType* at;
    NameType& operator*() const noexcept { return at->name; }
    Iterator& operator++() noexcept {
      at = at->next.get();
      return *this;
    }
    bool operator==(const Iterator&) const noexcept = default;
  };

 public:
  auto begin() noexcept { return Iterator<Link, Name>{empty() ? nullptr : &first_}; }
  auto end() noexcept { return Iterator<Link, Name>{nullptr}; }
  auto begin() const noexcept { return Iterator<const Link, const Name>{empty() ? nullptr : &first_}; }
  auto end() const noexcept { return Iterator<const Link, const Name>{nullptr}; }

  bool empty() const noexcept { return first_.name.parent == nullptr; }
  std::size_t size() const noexcept {
    std::size_t count = 0;
    for ([[maybe_unused]] const Name& name : *this) ++count;
    return count;
  }
  const Name& front() const noexcept { return first_.name; }
  bool has(const NodePtr& parent, const std::string& name) const noexcept {
    for (const Name& known : *this) {
      if (known.is(parent, name)) return true;
    }
    return false;
  }

  void add(Name name) {
    if (empty()) {
      first_.name = std::move(name);
      return;
    }
    Link* last = &first_;
    while (last->next) last = last->next.get();
    last->next = std::make_unique<Link>(Link{std::move(name), nullptr});
  }
  // Has this name only.
  void assign(Name name) {
    clear();
    first_.name = std::move(name);
  }
  void clear() noexcept { first_ = Link(); }
  template <typename Predicate>
  void remove_if(Predicate&& goes) {
    for (std::unique_ptr<Link>* at = &first_.next; *at;) {
      if (goes(std::as_const((*at)->name))) *at = std::move((*at)->next);
      else at = &(*at)->next;
    }
    if (empty() || !goes(std::as_const(first_.name))) return;
    const std::unique_ptr<Link> second = std::move(first_.next);
    first_ = second ? std::move(*second) : Link();
  }

 private:
  Link first_;  // without a directory: there is none
};

}  // namespace aufs
