// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/result.h"

// The 512-byte blocks that a tar archive is made of.
// Sources: POSIX.1-2017, pax, "ustar Interchange Format"; GNU tar manual, "Basic Tar Format".
namespace aufs::layer {

using Bytes = std::span<const std::byte>;

inline constexpr std::size_t kBlockSize = 512;

// Bytes that follow `size` bytes of data up to the next block.
constexpr std::uint64_t padding_after(std::uint64_t size) noexcept {
  return (kBlockSize - size % kBlockSize) % kBlockSize;
}
static_assert(padding_after(0) == 0 && padding_after(1) == 511 && padding_after(512) == 0);

inline std::string_view as_text(Bytes bytes) noexcept {
  if (bytes.empty()) return {};
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
inline Bytes as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span<const char>(text.data(), text.size()));
}

// Where a field is within its block.
struct Field {
  std::size_t offset;
  std::size_t size;
};

namespace field {
inline constexpr Field kName{0, 100}, kMode{100, 8}, kUid{108, 8}, kGid{116, 8}, kSize{124, 12},
    kMtime{136, 12}, kChecksum{148, 8}, kType{156, 1}, kLink{157, 100}, kMagic{257, 8}, kUserName{265, 32},
    kGroupName{297, 32}, kMajor{329, 8}, kMinor{337, 8}, kPrefix{345, 155};
// star's variant of ustar: a shorter prefix, and "tar" at the end of the block.
inline constexpr Field kStarPrefix{345, 131}, kStarTrailer{508, 4};
// Old GNU sparse files: four extents in the header, 21 in each block that follows.
inline constexpr Field kSparse{386, 96}, kSparseMore{482, 1}, kRealSize{483, 12};
inline constexpr Field kExtensionSparse{0, 504}, kExtensionMore{504, 1};
}  // namespace field

class TarBlock {
 public:
  std::span<std::byte, kBlockSize> bytes() noexcept { return bytes_; }
  std::span<const std::byte, kBlockSize> bytes() const noexcept { return bytes_; }

  char type() const noexcept { return static_cast<char>(bytes_[field::kType.offset]); }
  bool is_zero() const noexcept;
  // Whether the recorded checksum is that of the block, of bytes or (as some old tars have it) of signed chars.
  bool checksum_is_right() const noexcept;
  // Up to the first NUL.
  std::string_view text(Field at) const noexcept;
  std::string_view raw(Field at) const noexcept { return as_text(bytes()).substr(at.offset, at.size); }
  // Octal digits, or GNU's two's complement in base 256. EBADMSG if it is neither, or does not fit.
  Result<std::int64_t> number(Field at) const;

  void set_text(Field at, std::string_view text) noexcept;
  // Zero-padded octal digits with a NUL; false if the number does not fit.
  bool set_octal(Field at, std::uint64_t number) noexcept;
  // Last, when everything else is set.
  void set_checksum() noexcept;

 private:
  std::array<std::byte, kBlockSize> bytes_{};
};

}  // namespace aufs::layer
