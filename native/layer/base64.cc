// SPDX-License-Identifier: MIT
#include "layer/base64.h"

#include <cstdint>

namespace aufs::layer {
namespace {

constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char* append_group(char* out, std::uint32_t first, std::uint32_t second, std::uint32_t third) noexcept {
  const std::uint32_t group = first << 16U | second << 8U | third;
  out[0] = kAlphabet[group >> 18U];
  out[1] = kAlphabet[group >> 12U & 63U];
  out[2] = kAlphabet[group >> 6U & 63U];
  out[3] = kAlphabet[group & 63U];
  return out + 4;
}

}  // namespace

void append_base64(std::string& to, std::string_view bytes) {
  const std::size_t begin = to.size();
  to.resize(begin + (bytes.size() + 2) / 3 * 4);
  char* out = to.data() + begin;
  const auto* in = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    out = append_group(out, in[i], in[i + 1], in[i + 2]);
  }
  if (i == bytes.size()) return;
  const bool two = i + 1 < bytes.size();
  out = append_group(out, in[i], two ? in[i + 1] : 0U, 0);
  out[-1] = '=';
  if (!two) out[-2] = '=';
}

std::optional<std::string> base64_decoded(std::string_view text) {
  while (text.ends_with('=')) text.remove_suffix(1);
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t group = 0;
  unsigned bits = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    group = group << 6U | static_cast<std::uint32_t>(value);
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(group >> bits & 0xFFU);
  }
  return bytes;
}

}  // namespace aufs::layer
