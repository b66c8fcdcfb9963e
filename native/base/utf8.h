// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

namespace aufs {

// True if `text` is well-formed UTF-8: no overlong form, no surrogate, nothing beyond U+10FFFF.
constexpr bool is_utf8(std::string_view text) noexcept {
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const int tail = byte < 0x80 ? 0 : byte >= 0xC2 && byte < 0xE0 ? 1 : byte >= 0xE0 && byte < 0xF0 ? 2 : 3;
    if (tail == 3 && (byte < 0xF0 || byte > 0xF4)) return false;
    if (i + static_cast<std::size_t>(tail) >= text.size()) return false;
    for (int k = 1; k <= tail; k++) {
      const auto next = static_cast<unsigned char>(text[i + static_cast<std::size_t>(k)]);
      if ((next & 0xC0) != 0x80) return false;
      if (k == 1 && ((byte == 0xE0 && next < 0xA0) || (byte == 0xED && next > 0x9F) ||
                     (byte == 0xF0 && next < 0x90) || (byte == 0xF4 && next > 0x8F))) {
        return false;
      }
    }
    i += static_cast<std::size_t>(tail) + 1;
  }
  return true;
}
static_assert(is_utf8("plain") && is_utf8("\xC3\xA9") && !is_utf8("\xC0\x80") && !is_utf8("\xED\xA0\x80"));

}  // namespace aufs
