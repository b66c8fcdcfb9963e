// SPDX-License-Identifier: MIT
#include "fuse/failure.h"

#include <system_error>

namespace aufs::fuse {

std::string reason_of(int number) {
  return ": " + std::generic_category().message(number);
}

}  // namespace aufs::fuse
