// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <map>
#include <optional>

namespace aufs {

// Bytes of a file: from `begin` up to, without, `end`.
struct Range {
  off_t begin;
  off_t end;
};

// A set of bytes, kept as ranges that neither overlap nor touch.
class RangeSet {
 public:
  // Empty ranges change nothing.
  void add(Range range);
  void remove(Range range);

  // What is left of the range that `at` is in, or else the first one behind it; empty if there is none.
  std::optional<Range> next(off_t at) const;
  bool empty() const noexcept { return ranges_.empty(); }
  // Number of ranges; each takes about 100 bytes of memory.
  std::size_t count() const noexcept { return ranges_.size(); }
  // Number of bytes.
  off_t size() const noexcept { return size_; }

 private:
  std::map<off_t, off_t> ranges_;  // begin -> end
  off_t size_ = 0;
};

}  // namespace aufs
