// SPDX-License-Identifier: MIT
// Whatever bytes come, parsing stays inside them.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "fuse/protocol.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const aufs::fuse::Dialect dialect{.setxattr_ext = (data[0] & 1) != 0};
  std::vector<std::byte> bytes(size - 1);
  std::memcpy(bytes.data(), data + 1, bytes.size());
  if (bytes.size() >= 4) {  // make the length true: otherwise nearly everything ends at the first check
    const auto length = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(bytes.data(), &length, sizeof length);
  }
  aufs::fuse::wire::InHeader header;
  auto request = aufs::fuse::parse_request(bytes, dialect, &header);
  if ((data[0] & 2) != 0 && bytes.size() >= sizeof header) {  // as over io_uring, in parts
    std::memcpy(&header, bytes.data(), sizeof header);
    const auto rest = std::span<const std::byte>(bytes).subspan(sizeof header);
    const std::size_t cut = std::min<std::size_t>(rest.size(), data[0] >> 2);
    request = aufs::fuse::parse_request(header, rest.first(cut), rest.subspan(cut), dialect);
  }
  if (!request) return 0;
  std::size_t sum = request->as<aufs::fuse::wire::SetattrIn>().size;
  for (const char c : request->name) sum += static_cast<unsigned char>(c);
  for (const char c : request->second) sum += static_cast<unsigned char>(c);
  for (const std::byte b : request->data) sum += static_cast<unsigned char>(b);
  volatile std::size_t sink = sum;
  (void)sink;
  return 0;
}
