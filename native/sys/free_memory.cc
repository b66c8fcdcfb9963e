// SPDX-License-Identifier: MIT
#include "sys/free_memory.h"

#include <features.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace aufs::sys {

void share_free_memory() noexcept {
#ifdef __GLIBC__
  ::mallopt(M_ARENA_MAX, 1);
#endif
}

void give_back_free_memory() noexcept {
#ifdef __GLIBC__
  ::malloc_trim(0);
#endif
}

}  // namespace aufs::sys
