// SPDX-License-Identifier: MIT
#include "sys/futex.h"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <climits>

namespace aufs::sys {

static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// Whoever locks something must not find its errno changed.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  const int saved = errno;
  (void)::syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, value, nullptr, nullptr, 0);
  errno = saved;
}

void wake_all(const std::atomic<std::uint32_t>& word) noexcept {
  const int saved = errno;
  (void)::syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, INT_MAX, nullptr, nullptr, 0);
  errno = saved;
}

}  // namespace aufs::sys
