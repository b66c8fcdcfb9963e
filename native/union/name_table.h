// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "union/branch.h"

namespace aufs {

// The place of an entry in its directory of the chain index (chain_index.h), counted from 1; 0: not known from there.
using Recorded = std::uint32_t;

// What a directory of the union shows under one name.
struct NameEntry {
  std::uint64_t ino = 0;        // d_ino of the visible entry in branch `top`
  BranchIndex top = kNoBranch;  // the branch whose entry is seen; kNoBranch: nothing is
  unsigned char type = 0;       // DT_* of the visible entry
  bool layered = false;         // there is a whiteout, or more than one branch has the name
  Recorded recorded = 0;        // of the visible entry

  bool visible() const noexcept { return top != kNoBranch; }
  // Hidden by something that has the name of a whiteout and is not a regular file: nobody knows what that means.
  bool broken() const noexcept { return !visible() && type != 0; }
};

// A map from names to their entries in three arrays: about half of the memory of a std::unordered_map of strings, and no allocation
// for each name. Entries stay where they are until the next add or erase. Not thread-safe.
class NameTable {
  struct Item {
    NameEntry entry;
    std::uint32_t text;  // where its name begins in text_
    std::uint16_t size;  // of the name
    std::uint16_t tag;   // of its hash: tells most other names apart
  };

 public:
  struct Named {
    std::string_view name;  // valid as the entry is
    const NameEntry& entry;
  };
  class Iterator {
   public:
    Iterator(const NameTable& table, std::size_t at) noexcept : table_(&table), at_(at) {}
    Named operator*() const noexcept {
      const Item& item = table_->items_[at_];
      return {table_->name_of(item), item.entry};
    }
    Iterator& operator++() noexcept {
      ++at_;
      return *this;
    }
    bool operator==(const Iterator&) const noexcept = default;

   private:
    const NameTable* table_;
    std::size_t at_;
  };

  std::size_t size() const noexcept { return items_.size(); }
  // In no order that means anything.
  Iterator begin() const noexcept { return {*this, 0}; }
  Iterator end() const noexcept { return {*this, items_.size()}; }

  // Null if it is not there.
  const NameEntry* find(std::string_view name) const noexcept;
  NameEntry* find(std::string_view name) noexcept {
    return const_cast<NameEntry*>(static_cast<const NameTable&>(*this).find(name));
  }
  // The name must not be there, and be no longer than a file system allows.
  NameEntry& add(std::string_view name, const NameEntry& entry);
  // Does nothing if it is not there.
  void erase(std::string_view name);
  // Gives back what is kept ready for more names.
  void shrink();

 private:
  static constexpr std::uint32_t kFree = 0;

  std::string_view name_of(const Item& item) const noexcept {
    return std::string_view(text_).substr(item.text, item.size);
  }
  std::size_t next(std::size_t slot) const noexcept { return (slot + 1) & (slots_.size() - 1); }
  std::size_t home_of(const Item& item) const noexcept;
  std::size_t slot_of(std::string_view name, std::size_t hash) const noexcept;
  std::size_t slot_of(std::uint32_t number) const noexcept;
  void make_slots(std::size_t size);
  void free_slot(std::size_t hole) noexcept;
  void pack_text();

  std::vector<Item> items_;
  std::string text_;        // names, one behind the other
  std::size_t wasted_ = 0;  // bytes of it that are of no name any more
  std::vector<std::uint32_t>
      slots_;  // one more than the number of the item, or kFree; a power of two, or none
};

}  // namespace aufs
