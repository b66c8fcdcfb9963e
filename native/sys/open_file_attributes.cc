// SPDX-License-Identifier: MIT
#include "sys/open_file_attributes.h"

#include <sys/xattr.h>

#include <array>

#include "sys/call.h"

namespace aufs::sys {
namespace {

constexpr std::size_t kMaxXattr = 65536;  // XATTR_LIST_MAX, XATTR_SIZE_MAX

// Most files have none or few: one call into a small buffer, a big one only if that says ERANGE.
template <typename Call>
Result<std::string> read_all(Call&& call, const char* name) {
  std::array<char, 512> small;
  ssize_t n = call(small.data(), small.size());
  if (n >= 0) return std::string(small.data(), static_cast<std::size_t>(n));
  if (errno != ERANGE) return Error::last(name);
  std::string big(kMaxXattr, '\0');
  n = call(big.data(), big.size());
  if (n < 0) return Error::last(name);
  big.resize(static_cast<std::size_t>(n));
  return big;
}

}  // namespace

Result<std::string> list_open_xattr(int fd) {
  Result<std::string> names =
      read_all([fd](char* into, std::size_t size) { return ::flistxattr(fd, into, size); }, "flistxattr");
  if (failed_with(names, EOPNOTSUPP)) return std::string();
  return names;
}

Result<std::string> get_open_xattr(int fd, const char* key) {
  return read_all([fd, key](char* into, std::size_t size) { return ::fgetxattr(fd, key, into, size); },
                  "fgetxattr");
}

Status set_open_xattr(int fd, const char* key, std::string_view value) {
  return check(::fsetxattr(fd, key, value.data(), value.size(), 0), "fsetxattr");
}

}  // namespace aufs::sys
