// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace aufs {

// A map from numbers to values that lie side by side in one array: one cache miss for what costs std::unordered_map three, and no
// allocation for each entry. Any number but the largest can be a key. A value can be moved and made without arguments; it stays where it is until the next
// insert or erase. Not thread-safe.
template <typename Value>
class NumberMap {
 public:
  std::size_t size() const noexcept { return size_; }

  Value* find(std::uint64_t key) noexcept {
    const std::size_t at = slots_.empty() ? 0 : place_of(key);
    return slots_.empty() || slots_[at].key == 0 ? nullptr : &slots_[at].value;
  }
  const Value* find(std::uint64_t key) const noexcept { return const_cast<NumberMap*>(this)->find(key); }

  // The value of the key, which is made if it is not there.
  Value& operator[](std::uint64_t key) {
    if ((size_ + 1) * 8 > slots_.size() * 7) grow();
    Slot& slot = slots_[place_of(key)];
    if (slot.key == 0) {
      slot.key = key + 1;
      ++size_;
    }
    return slot.value;
  }

  void erase(std::uint64_t key) {
    if (slots_.empty()) return;
    std::size_t hole = place_of(key);
    if (slots_[hole].key == 0) return;
    --size_;
    // Whatever comes after it and would not be found across an empty slot moves up.
    for (std::size_t at = next(hole); slots_[at].key != 0; at = next(at)) {
      const std::size_t home = home_of(slots_[at].key - 1);
      const bool stays = hole <= at ? hole < home && home <= at : hole < home || home <= at;
      if (stays) continue;
      slots_[hole] = std::move(slots_[at]);
      hole = at;
    }
    slots_[hole] = Slot();
  }

  // Calls `visit` with every key and value, in no order. It must not change the map.
  template <typename Visit>
  void each(Visit&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.key != 0) visit(slot.key - 1, slot.value);
    }
  }

 private:
  struct Slot {
    std::uint64_t key = 0;  // one more than the key; 0: nothing is here
    Value value{};
  };

  std::size_t next(std::size_t at) const noexcept { return (at + 1) & (slots_.size() - 1); }
  std::size_t home_of(std::uint64_t key) const noexcept {
    return static_cast<std::size_t>((key * 0x9E3779B97F4A7C15ULL) >> shift_);
  }
  // Where the key is, or where it would be put.
  std::size_t place_of(std::uint64_t key) const noexcept {
    std::size_t at = home_of(key);
    while (slots_[at].key != 0 && slots_[at].key != key + 1) at = next(at);
    return at;
  }
  void grow() {
    std::vector<Slot> old(slots_.empty() ? 8 : slots_.size() * 2);
    old.swap(slots_);
    shift_ = 64;
    for (std::size_t size = slots_.size(); size > 1; size /= 2) --shift_;
    for (Slot& slot : old) {
      if (slot.key != 0) slots_[place_of(slot.key - 1)] = std::move(slot);
    }
  }

  std::vector<Slot> slots_;  // a power of two, or none
  unsigned shift_ = 64;
  std::size_t size_ = 0;
};

}  // namespace aufs
