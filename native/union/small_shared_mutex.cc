// SPDX-License-Identifier: MIT
#include "union/small_shared_mutex.h"

namespace aufs {

void SmallSharedMutex::wait_to_write() noexcept {
  while (!try_lock()) {
    const std::uint32_t seen = word_.load(std::memory_order_relaxed);
    if (!is_free(seen)) sleep(seen);
  }
}

void SmallSharedMutex::wait_to_read() noexcept {
  while (!try_lock_shared()) {
    const std::uint32_t seen = word_.load(std::memory_order_relaxed);
    if (!takes_readers(seen)) sleep(seen);
  }
}

// Until the word is no more what it was seen to be, which was no word for the caller to go on with.
void SmallSharedMutex::sleep(std::uint32_t seen) noexcept {
  const std::uint32_t marked = seen | kWaiting;
  if (seen == marked || word_.compare_exchange_strong(seen, marked, std::memory_order_relaxed))
    sys::wait_while(word_, marked);
}

}  // namespace aufs
