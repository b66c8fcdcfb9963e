// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

// POSIX ACLs as the kernel gives and takes them in extended attributes.
// Source: linux/posix_acl_xattr.h, acl(5).
namespace aufs::posix_acl {

inline constexpr std::string_view kAccess = "system.posix_acl_access";
inline constexpr std::string_view kDefault = "system.posix_acl_default";

constexpr bool is_key(std::string_view key) noexcept {
  return key == kAccess || key == kDefault;
}

// Which entries that name a user or a group go.
enum class Named {
  kUnmapped,  // those whom nobody is in this user namespace: the kernel gives them as -1, and takes none such (EINVAL)
  kAll,
};

// `acl` without those entries; the others stay as they are, so nobody gets more by it than the mask allowed. What is no ACL
// comes back unchanged.
std::string without(const std::string& acl, Named named);

}  // namespace aufs::posix_acl
