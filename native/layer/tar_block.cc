// SPDX-License-Identifier: MIT
#include "layer/tar_block.h"

#include <algorithm>
#include <limits>

#include "layer/archive_error.h"

namespace aufs::layer {
namespace {

constexpr Error kBadNumber = damaged("archive: a header holds a number that is none");

Result<std::int64_t> base256(std::string_view digits) {
  const bool negative = (static_cast<unsigned char>(digits[0]) & 0x40U) != 0;
  // The first bit only marks the form; the second is the sign.
  std::int64_t value = negative ? -1 : 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    auto byte = static_cast<unsigned char>(digits[i]);
    if (i == 0) byte = static_cast<unsigned char>(negative ? byte | 0x80U : byte & 0x7FU);
    constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max() >> 8;
    if (value > kMost || value < -kMost - 1) return kBadNumber;
    value = value * 256 + byte;
  }
  return value;
}

Result<std::int64_t> octal(std::string_view digits) {
  const std::size_t begin = digits.find_first_not_of(' ');
  if (begin == std::string_view::npos) return 0;
  digits.remove_prefix(begin);
  digits = digits.substr(0, digits.find_first_of(std::string_view(" \0", 2)));
  std::int64_t value = 0;  // 12 digits of 3 bits fit
  for (const char digit : digits) {
    if (digit < '0' || digit > '7') return kBadNumber;
    value = value * 8 + (digit - '0');
  }
  return value;
}

struct Sums {
  std::int64_t of_bytes = 0;
  std::int64_t of_chars = 0;
};

// The checksum field itself counts as blanks.
Sums sums_of(Bytes block) {
  Sums sums;
  for (std::size_t i = 0; i < block.size(); ++i) {
    const bool own = i - field::kChecksum.offset < field::kChecksum.size;
    const std::byte byte = own ? std::byte{' '} : block[i];
    sums.of_bytes += static_cast<unsigned char>(byte);
    sums.of_chars += static_cast<signed char>(byte);
  }
  return sums;
}

}  // namespace

bool TarBlock::is_zero() const noexcept {
  return std::all_of(bytes_.begin(), bytes_.end(), [](std::byte byte) { return byte == std::byte{0}; });
}

bool TarBlock::checksum_is_right() const noexcept {
  const Result<std::int64_t> recorded = number(field::kChecksum);
  if (!recorded) return false;
  const Sums sums = sums_of(bytes_);
  return *recorded == sums.of_bytes || *recorded == sums.of_chars;
}

std::string_view TarBlock::text(Field at) const noexcept {
  const std::string_view whole = raw(at);
  return whole.substr(0, whole.find('\0'));
}

Result<std::int64_t> TarBlock::number(Field at) const {
  const std::string_view digits = raw(at);
  return (static_cast<unsigned char>(digits[0]) & 0x80U) != 0 ? base256(digits) : octal(digits);
}

void TarBlock::set_text(Field at, std::string_view text) noexcept {
  const Bytes source = as_bytes(text.substr(0, at.size));
  std::copy(source.begin(), source.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(at.offset));
}

bool TarBlock::set_octal(Field at, std::uint64_t number) noexcept {
  for (std::size_t i = at.size - 1; i-- > 0;) {
    bytes_[at.offset + i] = static_cast<std::byte>('0' + (number & 7U));
    number >>= 3U;
  }
  bytes_[at.offset + at.size - 1] = std::byte{0};
  return number == 0;
}

void TarBlock::set_checksum() noexcept {
  // Six digits, NUL, blank: as POSIX has it.
  const std::int64_t sum = sums_of(bytes_).of_bytes;
  set_octal({field::kChecksum.offset, 7}, static_cast<std::uint64_t>(sum));
  bytes_[field::kChecksum.offset + 7] = std::byte{' '};
}

}  // namespace aufs::layer
