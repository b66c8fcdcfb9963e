// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include "base/result.h"

// What every wrapper in sys/ is made of.
namespace aufs::sys {

// Repeats `call` while it is interrupted by a signal.
template <typename Fn>
auto retry_eintr(Fn&& call) noexcept(noexcept(call())) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

inline Status check(long result, const char* syscall) noexcept {
  if (result < 0) return Error::last(syscall);
  return ok();
}

}  // namespace aufs::sys
