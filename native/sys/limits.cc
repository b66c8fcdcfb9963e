// SPDX-License-Identifier: MIT
#include "sys/limits.h"

#include <sys/resource.h>

namespace aufs::sys {

std::size_t open_file_limit() noexcept {
  constexpr std::size_t kPosixMinimum = 20;
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return kPosixMinimum;
  return limit.rlim_cur;
}

void raise_open_file_limit() noexcept {
  struct rlimit limit {};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)::setrlimit(RLIMIT_NOFILE, &limit);  // then it stays as it was
}

}  // namespace aufs::sys
