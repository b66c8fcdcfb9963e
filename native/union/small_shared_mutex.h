// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

#include "sys/futex.h"

namespace aufs {

// A std::shared_mutex of four bytes instead of 56, for what every node has. A writer that waits keeps new readers out, so that they
// cannot pass it for ever; readers and writers alike try again when a writer is done. Who has it, even as a reader, must not ask for it again.
class SmallSharedMutex {
 public:
  SmallSharedMutex() noexcept = default;
  SmallSharedMutex(const SmallSharedMutex&) = delete;
  SmallSharedMutex& operator=(const SmallSharedMutex&) = delete;

  void lock() noexcept {
    if (!try_lock()) wait_to_write();
  }
  bool try_lock() noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (is_free(seen)) {
      // Those who wait are still to be woken.
      if (word_.compare_exchange_weak(seen, seen | kWriter, std::memory_order_acquire,
                                      std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  void unlock() noexcept {
    if ((word_.exchange(0, std::memory_order_release) & kWaiting) != 0) sys::wake_all(word_);
  }

  void lock_shared() noexcept {
    if (!try_lock_shared()) wait_to_read();
  }
  bool try_lock_shared() noexcept {
    std::uint32_t seen = word_.load(std::memory_order_relaxed);
    while (takes_readers(seen)) {
      if (word_.compare_exchange_weak(seen, seen + 1, std::memory_order_acquire, std::memory_order_relaxed))
        return true;
    }
    return false;
  }
  // The last reader leaves the word as it is for the writer that waits: no reader comes in between.
  void unlock_shared() noexcept {
    if (word_.fetch_sub(1, std::memory_order_release) == kWaiting + 1) sys::wake_all(word_);
  }

 private:
  static constexpr std::uint32_t kWriter = std::uint32_t{1} << 31;
  static constexpr std::uint32_t kWaiting = std::uint32_t{1} << 30;  // somebody sleeps, or is about to
  // The rest of the word counts readers.

  static bool is_free(std::uint32_t word) noexcept { return (word & ~kWaiting) == 0; }
  static bool takes_readers(std::uint32_t word) noexcept { return word < kWaiting; }
  void wait_to_write() noexcept;
  void wait_to_read() noexcept;
  void sleep(std::uint32_t seen) noexcept;

  std::atomic<std::uint32_t> word_{0};
};

}  // namespace aufs
