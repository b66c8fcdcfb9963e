// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace aufs::layer::xattr {

// They would make kernel overlayfs, or a union over this layer, see what the layer does not say; a label and a
// signature belong to the machine that gave them. Neither written to an archive nor taken from one.
constexpr bool is_private(std::string_view key) noexcept {
  for (const std::string_view prefix : {"trusted.overlay.", "user.overlay.", "trusted.aufs.",
                                        "security.selinux", "security.ima", "security.evm"}) {
    if (key.substr(0, prefix.size()) == prefix) return true;
  }
  return false;
}

// Whether an archive tells of it. Names in `trusted.` are the administrator's; in `system.` only ACLs are data.
constexpr bool is_archived(std::string_view key) noexcept {
  if (is_private(key) || key.substr(0, 8) == "trusted.") return false;
  return key.substr(0, 7) != "system." || key.substr(0, 17) == "system.posix_acl_";
}
static_assert(is_archived("user.a") && is_archived("security.capability") && !is_archived("trusted.a"));
static_assert(is_archived("system.posix_acl_default") && !is_archived("system.nfs4_acl"));

inline constexpr std::string_view kCapability = "security.capability";

}  // namespace aufs::layer::xattr
