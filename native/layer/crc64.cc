// SPDX-License-Identifier: MIT
#include "layer/crc64.h"

#include <bit>
#include <cstring>

namespace aufs::layer {
namespace {

constexpr std::uint64_t kPolynomial = 0xD800000000000000;
constexpr std::size_t kSlices = 16;

using Table = std::array<std::uint64_t, 256>;

// Table k advances a byte over k further bytes, so that sixteen bytes are one step ("slicing by sixteen").
constexpr std::array<Table, kSlices> make_tables() {
  std::array<Table, kSlices> tables{};
  for (std::uint64_t i = 0; i < 256; ++i) {
    std::uint64_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? crc >> 1U ^ kPolynomial : crc >> 1U;
    tables[0][i] = crc;
  }
  for (std::size_t k = 1; k < kSlices; ++k) {
    for (std::size_t i = 0; i < 256; ++i) {
      const std::uint64_t before = tables[k - 1][i];
      tables[k][i] = before >> 8U ^ tables[0][before & 0xFFU];
    }
  }
  return tables;
}

constexpr std::array<Table, kSlices> kTables = make_tables();

static_assert(std::endian::native == std::endian::little, "eight bytes are read as one number");

}  // namespace

void Crc64::add(Bytes bytes) noexcept {
  std::uint64_t crc = state_;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= kSlices; left -= kSlices, at += kSlices) {
    std::uint64_t first = 0;
    std::uint64_t second = 0;
    std::memcpy(&first, at, sizeof first);
    std::memcpy(&second, at + sizeof first, sizeof second);
    first ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) {
      crc ^= kTables[15 - k][first >> (8 * k) & 0xFFU] ^ kTables[7 - k][second >> (8 * k) & 0xFFU];
    }
  }
  for (; left > 0; --left, ++at)
    crc = crc >> 8U ^ kTables[0][(crc ^ static_cast<std::uint64_t>(*at)) & 0xFFU];
  state_ = crc;
}

std::array<char, 8> Crc64::bytes() const noexcept {
  const std::uint64_t crc = ~state_;
  std::array<char, 8> text{};
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(crc >> (56 - 8 * i) & 0xFFU);
  return text;
}

}  // namespace aufs::layer
