// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace aufs::layer {

// A value of security.capability in the form that names no user namespace (revision 2, 20 bytes) if it is of the one that
// does (revision 3, 24 bytes); anything else as it is. Source: <linux/capability.h>, struct vfs_ns_cap_data.
inline std::string without_namespace(std::string value) {
  constexpr std::size_t kRevision2Size = 20;
  constexpr std::size_t kRevision3Size = 24;
  constexpr std::size_t kRevisionByte = 3;  // of a little-endian number
  if (value.size() != kRevision3Size || value[kRevisionByte] != 3) return value;
  value.resize(kRevision2Size);
  value[kRevisionByte] = 2;
  return value;
}

}  // namespace aufs::layer
