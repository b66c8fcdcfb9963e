// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "layer/pax.h"
#include "layer/tar_block.h"

// Where the data of a sparse file is. Source: GNU tar manual, "Storing Sparse Files".
namespace aufs::layer {

struct Extent {
  std::uint64_t offset;
  std::uint64_t length;
};

using Extents = std::vector<Extent>;

// An archive may not make us remember more.
inline constexpr std::size_t kMaxExtents = 65536;

// EBADMSG unless the extents are in order, lie within `size` and add up to `stored`.
Status check_extents(const Extents& extents, std::uint64_t size, std::uint64_t stored);

// Extents of an old GNU header, or of a block that goes on with it. Unused places are zero and end the list.
Status add_gnu_extents(const TarBlock& block, Field at, Extents& extents);

// Formats 0.0 (pairs of records) and 0.1 (one record); nothing if the records have neither.
Result<std::optional<Extents>> extents_of_records(const PaxRecords& records);

// Format 1.0: decimal numbers, a line each, at the beginning of the data, filled up to whole blocks.
class SparseMapText {
 public:
  // True once the map is complete.
  Result<bool> add(Bytes block);
  Extents take() { return std::move(extents_); }
  static std::string format(const Extents& extents);

 private:
  Status number(std::uint64_t value);

  std::string digits_;                   // of the number that is not at its end yet
  std::optional<std::uint64_t> count_;   // of extents
  std::optional<std::uint64_t> offset_;  // of the extent whose length comes next
  Extents extents_;
};

}  // namespace aufs::layer
