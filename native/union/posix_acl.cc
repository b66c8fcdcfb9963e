// SPDX-License-Identifier: MIT
#include "union/posix_acl.h"

#include <endian.h>

#include <cstdint>
#include <cstring>

namespace aufs::posix_acl {
namespace {

constexpr std::size_t kHeaderSize = 4;  // the version
constexpr std::uint32_t kVersion = 2;
constexpr std::uint16_t kUser = 0x02;
constexpr std::uint16_t kGroup = 0x08;
constexpr std::uint32_t kNobody = 0xffffffff;

// All of it little-endian.
struct Entry {
  std::uint16_t tag;
  std::uint16_t permissions;
  std::uint32_t id;
};
static_assert(sizeof(Entry) == 8);

bool is_acl(const std::string& acl) {
  std::uint32_t version = 0;
  if (acl.size() < kHeaderSize || (acl.size() - kHeaderSize) % sizeof(Entry) != 0) return false;
  std::memcpy(&version, acl.data(), sizeof version);
  return le32toh(version) == kVersion;
}

bool goes(const Entry& entry, Named named) {
  const std::uint16_t tag = le16toh(entry.tag);
  return (tag == kUser || tag == kGroup) && (named == Named::kAll || le32toh(entry.id) == kNobody);
}

}  // namespace

std::string without(const std::string& acl, Named named) {
  if (!is_acl(acl)) return acl;
  std::string rest = acl.substr(0, kHeaderSize);
  for (std::size_t at = kHeaderSize; at < acl.size(); at += sizeof(Entry)) {
    Entry entry{};
    std::memcpy(&entry, acl.data() + at, sizeof entry);
    if (!goes(entry, named)) rest.append(acl, at, sizeof entry);
  }
  return rest;
}

}  // namespace aufs::posix_acl
