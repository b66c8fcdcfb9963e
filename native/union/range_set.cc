// SPDX-License-Identifier: MIT
#include "union/range_set.h"

#include <algorithm>
#include <iterator>

namespace aufs {

void RangeSet::add(Range range) {
  if (range.begin >= range.end) return;
  auto at = ranges_.upper_bound(range.begin);
  if (at != ranges_.begin() && std::prev(at)->second >= range.begin) --at;
  while (at != ranges_.end() && at->first <= range.end) {
    range = {std::min(range.begin, at->first), std::max(range.end, at->second)};
    size_ -= at->second - at->first;
    at = ranges_.erase(at);
  }
  ranges_.emplace_hint(at, range.begin, range.end);
  size_ += range.end - range.begin;
}

void RangeSet::remove(Range range) {
  if (range.begin >= range.end) return;
  auto at = ranges_.upper_bound(range.begin);
  if (at != ranges_.begin() && std::prev(at)->second > range.begin) --at;
  while (at != ranges_.end() && at->first < range.end) {
    const Range old{at->first, at->second};
    if (old.end > range.end) ranges_.emplace_hint(std::next(at), range.end, old.end);
    if (old.begin < range.begin) {
      at->second = range.begin;
      ++at;
    } else {
      at = ranges_.erase(at);
    }
    size_ -= std::min(old.end, range.end) - std::max(old.begin, range.begin);
  }
}

std::optional<Range> RangeSet::next(off_t at) const {
  auto found = ranges_.upper_bound(at);
  if (found != ranges_.begin() && std::prev(found)->second > at) return Range{at, std::prev(found)->second};
  if (found == ranges_.end()) return std::nullopt;
  return Range{found->first, found->second};
}

}  // namespace aufs
