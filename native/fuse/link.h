// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace aufs::fuse {

// What the worker tells the supervisor, once, when the mount is usable. The socket that it travels on also tells each of
// the two, by its end, that the other is gone.
struct Ready {
  std::uint64_t mount_id;  // as top_mount_on() gives it; 0 if unknown
};

}  // namespace aufs::fuse
