// SPDX-License-Identifier: MIT
#include "layer/sparse_map.h"

#include <limits>

#include "layer/archive_error.h"

namespace aufs::layer {
namespace {

constexpr Error kBadMap = damaged("archive: the map of a sparse file makes no sense");
constexpr std::size_t kGnuExtentSize = 24;
constexpr std::size_t kGnuNumberSize = 12;

Status add(Extents& extents, std::int64_t offset, std::int64_t length) {
  if (offset < 0 || length < 0 || extents.size() == kMaxExtents) return kBadMap;
  extents.push_back({static_cast<std::uint64_t>(offset), static_cast<std::uint64_t>(length)});
  return ok();
}

Status add_text(Extents& extents, std::string_view offset, std::string_view length) {
  const auto from = parse_decimal(offset);
  const auto size = parse_decimal(length);
  return from && size ? add(extents, *from, *size) : Status(kBadMap);
}

// 0.1: "offset,length,offset,length"
Result<std::optional<Extents>> extents_of_list(std::string_view text) {
  Extents extents;
  while (!text.empty()) {
    const std::size_t middle = text.find(',');
    if (middle == std::string_view::npos) return kBadMap;
    const std::size_t end = std::min(text.find(',', middle + 1), text.size());
    AUFS_CHECK(add_text(extents, text.substr(0, middle), text.substr(middle + 1, end - middle - 1)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return std::optional<Extents>(std::move(extents));
}

}  // namespace

Status check_extents(const Extents& extents, std::uint64_t size, std::uint64_t stored) {
  std::uint64_t end = 0;
  std::uint64_t sum = 0;
  for (const Extent& extent : extents) {
    if (extent.offset < end || extent.offset > size || extent.length > size - extent.offset) return kBadMap;
    end = extent.offset + extent.length;
    sum += extent.length;  // at most `size`, for the extents do not overlap
  }
  return sum == stored ? ok() : Status(kBadMap);
}

Status add_gnu_extents(const TarBlock& block, Field at, Extents& extents) {
  for (std::size_t i = 0; i < at.size; i += kGnuExtentSize) {
    const Field offset{at.offset + i, kGnuNumberSize};
    const Field length{at.offset + i + kGnuNumberSize, kGnuNumberSize};
    if (block.raw(length)[0] == '\0' || block.raw(offset)[0] == '\0') return ok();
    AUFS_TRY(const std::int64_t from, block.number(offset));
    AUFS_TRY(const std::int64_t size, block.number(length));
    AUFS_CHECK(add(extents, from, size));
  }
  return ok();
}

Result<std::optional<Extents>> extents_of_records(const PaxRecords& records) {
  if (const std::string* list = records.find("GNU.sparse.map")) return extents_of_list(*list);
  if (records.find("GNU.sparse.numblocks") == nullptr) return std::optional<Extents>();
  Extents extents;
  const std::string* offset = nullptr;
  for (const PaxRecord& record : records.all()) {
    if (record.key == "GNU.sparse.offset") {
      if (offset != nullptr) return kBadMap;
      offset = &record.value;
    } else if (record.key == "GNU.sparse.numbytes") {
      if (offset == nullptr) return kBadMap;
      AUFS_CHECK(add_text(extents, *offset, record.value));
      offset = nullptr;
    }
  }
  if (offset != nullptr) return kBadMap;
  return std::optional<Extents>(std::move(extents));
}

Result<bool> SparseMapText::add(Bytes block) {
  constexpr std::size_t kMostDigits = 19;
  for (const char c : as_text(block)) {
    if (c != '\n') {
      if (digits_.size() == kMostDigits) return kBadMap;
      digits_ += c;
      continue;
    }
    const auto value = parse_decimal(digits_);
    if (!value) return kBadMap;
    digits_.clear();
    AUFS_CHECK(number(static_cast<std::uint64_t>(*value)));
    if (extents_.size() == *count_) return true;  // what follows fills the block
  }
  return false;
}

Status SparseMapText::number(std::uint64_t value) {
  if (!count_) {
    if (value > kMaxExtents) return kBadMap;
    count_ = value;
  } else if (!offset_) {
    offset_ = value;
  } else {
    extents_.push_back({*offset_, value});
    offset_.reset();
  }
  return ok();
}

std::string SparseMapText::format(const Extents& extents) {
  std::string text = std::to_string(extents.size());
  text.append("\n");
  for (const auto& [offset, length] : extents) {
    text.append(std::to_string(offset)).append("\n").append(std::to_string(length)).append("\n");
  }
  text.append(padding_after(text.size()), '\0');
  return text;
}

}  // namespace aufs::layer
