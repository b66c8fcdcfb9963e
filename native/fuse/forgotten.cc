// SPDX-License-Identifier: MIT
#include "fuse/forgotten.h"

#include <algorithm>
#include <utility>

namespace aufs::fuse {
namespace {

void keep_name(Forgotten& record, KnownName older) {
  const auto& others = record.others;
  if (older.name.empty() || older == record.name || others.size() >= ForgottenNodes::kMostOthers) return;
  if (std::find(others.begin(), others.end(), older) != others.end()) return;
  (record.name.name.empty() ? record.name : record.others.emplace_back()) = std::move(older);
}

void replace(Forgotten& known, Forgotten record) {
  keep_name(record, std::move(known.name));
  for (KnownName& older : known.others) keep_name(record, std::move(older));
  known = std::move(record);
}

}  // namespace

// A clock: who was forgotten again since the hand came by is passed over once.
ForgottenNodes::Slot& ForgottenNodes::free_slot() {
  if (slots_.size() < kCapacity) return slots_.emplace_back();
  while (std::exchange(slots_[next_].again, false)) next_ = (next_ + 1) % kCapacity;
  Slot& slot = slots_[next_];
  next_ = (next_ + 1) % kCapacity;
  if (slot.record.id != 0) by_ino_.erase(slot.record.ino);
  return slot;
}

void ForgottenNodes::put(Forgotten record) {
  if (const auto known = by_ino_.find(record.ino); known != by_ino_.end()) {
    Slot& slot = slots_[known->second];
    slot.again = true;
    replace(slot.record, std::move(record));
    return;
  }
  Slot& slot = free_slot();
  slot = {std::move(record), false};
  by_ino_.emplace(slot.record.ino, static_cast<std::uint16_t>(&slot - slots_.data()));
}

void ForgottenNodes::drop(std::uint64_t ino) {
  const auto known = by_ino_.find(ino);
  if (known == by_ino_.end()) return;
  slots_[known->second] = {};
  by_ino_.erase(known);
}

const Forgotten* ForgottenNodes::find(std::uint64_t ino) const {
  const auto known = by_ino_.find(ino);
  return known == by_ino_.end() ? nullptr : &slots_[known->second].record;
}

const Forgotten* ForgottenNodes::find_id(std::uint64_t id) const {
  const auto at =
      std::find_if(slots_.begin(), slots_.end(), [id](const Slot& slot) { return slot.record.id == id; });
  return at == slots_.end() ? nullptr : &at->record;
}

}  // namespace aufs::fuse
