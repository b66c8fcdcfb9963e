// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>

#include "layer/tar_block.h"

namespace aufs::layer {

// CRC-64 of ISO 3309, the one that tar-split keeps of each file (Go: hash/crc64 with the ISO polynomial).
class Crc64 {
 public:
  void add(Bytes bytes) noexcept;
  // Big-endian, as tar-split writes it.
  std::array<char, 8> bytes() const noexcept;

 private:
  std::uint64_t state_ = ~std::uint64_t{0};
};

}  // namespace aufs::layer
