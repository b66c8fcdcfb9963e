// SPDX-License-Identifier: MIT
#include "union/name_table.h"

#include <functional>
#include <utility>

namespace aufs {
namespace {

std::size_t hash_of(std::string_view name) noexcept {
  return std::hash<std::string_view>{}(name);
}

// Of bits that do not choose the slot.
std::uint16_t tag_of(std::size_t hash) noexcept {
  return static_cast<std::uint16_t>(hash >> (sizeof hash * 8 - 16));
}

}  // namespace

std::size_t NameTable::home_of(const Item& item) const noexcept {
  return hash_of(name_of(item)) & (slots_.size() - 1);
}

// Where the name is, or where it would be put. There are slots.
std::size_t NameTable::slot_of(std::string_view name, std::size_t hash) const noexcept {
  const std::uint16_t tag = tag_of(hash);
  std::size_t at = hash & (slots_.size() - 1);
  for (; slots_[at] != kFree; at = next(at)) {
    const Item& item = items_[slots_[at] - 1];
    if (item.tag == tag && name_of(item) == name) break;
  }
  return at;
}

// Where the item of that number, counted from 1, is.
std::size_t NameTable::slot_of(std::uint32_t number) const noexcept {
  std::size_t at = home_of(items_[number - 1]);
  while (slots_[at] != number) at = next(at);
  return at;
}

const NameEntry* NameTable::find(std::string_view name) const noexcept {
  if (slots_.empty()) return nullptr;
  const std::uint32_t number = slots_[slot_of(name, hash_of(name))];
  return number == kFree ? nullptr : &items_[number - 1].entry;
}

NameEntry& NameTable::add(std::string_view name, const NameEntry& entry) {
  if ((items_.size() + 1) * 8 > slots_.size() * 7) make_slots(slots_.empty() ? 8 : slots_.size() * 2);
  const std::size_t hash = hash_of(name);
  const auto text = static_cast<std::uint32_t>(text_.size());
  text_.append(name);
  items_.push_back({entry, text, static_cast<std::uint16_t>(name.size()), tag_of(hash)});
  slots_[slot_of(name, hash)] = static_cast<std::uint32_t>(items_.size());
  return items_.back().entry;
}

// The last item takes the place of the one that goes.
void NameTable::erase(std::string_view name) {
  if (slots_.empty()) return;
  const std::size_t slot = slot_of(name, hash_of(name));
  const std::uint32_t number = slots_[slot];
  if (number == kFree) return;
  const auto last = static_cast<std::uint32_t>(items_.size());
  const std::size_t moved = slot_of(last);
  wasted_ += items_[number - 1].size;
  slots_[moved] = number;
  slots_[slot] = last;
  std::swap(items_[number - 1], items_[last - 1]);
  free_slot(slot);
  items_.pop_back();
  if (wasted_ > text_.size() / 2) pack_text();
}

// Whatever comes after it and would not be found across an empty slot moves up.
void NameTable::free_slot(std::size_t hole) noexcept {
  for (std::size_t at = next(hole); slots_[at] != kFree; at = next(at)) {
    const std::size_t home = home_of(items_[slots_[at] - 1]);
    const bool stays = hole <= at ? hole < home && home <= at : hole < home || home <= at;
    if (stays) continue;
    slots_[hole] = slots_[at];
    hole = at;
  }
  slots_[hole] = kFree;
}

void NameTable::make_slots(std::size_t size) {
  slots_.assign(size, kFree);
  std::uint32_t number = 0;
  for (const Item& item : items_) {
    std::size_t at = home_of(item);
    while (slots_[at] != kFree) at = next(at);
    slots_[at] = ++number;
  }
}

void NameTable::pack_text() {
  std::string packed;
  packed.reserve(text_.size() - wasted_);
  for (Item& item : items_) {
    const std::string_view name = name_of(item);
    item.text = static_cast<std::uint32_t>(packed.size());
    packed.append(name);
  }
  text_.swap(packed);
  wasted_ = 0;
}

void NameTable::shrink() {
  items_.shrink_to_fit();
  text_.shrink_to_fit();
}

}  // namespace aufs
