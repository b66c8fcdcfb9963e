// SPDX-License-Identifier: MIT
#include "layer/crc64.h"

#include <bit>
#include <cstring>

namespace aufs::layer {
namespace {

// A number stands for a polynomial: bit 63 for 1, bit 0 for x^63. So >> multiplies by x, and what falls out at the right is
// what has to be reduced. The polynomial of the CRC is x^64 + x^4 + x^3 + x + 1: so few terms that shifts do it, without tables.

constexpr std::size_t kLanes =
    8;  // that do not wait for each other, so that the compiler may keep them in vectors
constexpr std::size_t kWord = sizeof(std::uint64_t);

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

// high * x^64, where high has no term above x^59.
constexpr std::uint64_t reduced(std::uint64_t high) noexcept {
  return high ^ high >> 1U ^ high >> 3U ^ high >> 4U;
}

constexpr std::uint64_t times_x8(std::uint64_t value) noexcept {
  return value >> 8U ^ reduced(value << 56U);
}

constexpr std::uint64_t times_x64(std::uint64_t value) noexcept {
  return reduced(value) ^ reduced(value << 63U ^ value << 61U ^ value << 60U);
}

// x^512 is x^64 to the eighth: x^32 + x^24 + x^8 + 1.
constexpr std::uint64_t times_x512(std::uint64_t value) noexcept {
  const std::uint64_t high = value << 56U ^ value << 40U ^ value << 32U;
  return value ^ value >> 8U ^ value >> 24U ^ value >> 32U ^ reduced(high);
}

std::uint64_t word_at(const std::byte* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

}  // namespace

void Crc64::add(Bytes bytes) noexcept {
  std::uint64_t crc = state_;
  if (bytes.size() >= kLanes * kWord) {
    std::array<std::uint64_t, kLanes> lanes{crc};
    for (std::size_t i = 0; i < kLanes; ++i) lanes[i] ^= word_at(&bytes[i * kWord]);
    bytes = bytes.subspan(kLanes * kWord);
    for (; bytes.size() >= kLanes * kWord; bytes = bytes.subspan(kLanes * kWord)) {
      for (std::size_t i = 0; i < kLanes; ++i) lanes[i] = times_x512(lanes[i]) ^ word_at(&bytes[i * kWord]);
    }
    crc = 0;
    for (const std::uint64_t lane : lanes) crc = times_x64(crc ^ lane);
  }
  for (; bytes.size() >= kWord; bytes = bytes.subspan(kWord)) crc = times_x64(crc ^ word_at(bytes.data()));
  for (const std::byte byte : bytes) crc = times_x8(crc ^ static_cast<std::uint64_t>(byte));
  state_ = crc;
}

std::array<char, 8> Crc64::bytes() const noexcept {
  const std::uint64_t crc = ~state_;
  std::array<char, 8> text{};
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(crc >> (56 - 8 * i) & 0xFFU);
  return text;
}

}  // namespace aufs::layer
