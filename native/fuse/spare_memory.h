// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>

#include "base/unique_fd.h"
#include "sys/process_control.h"

namespace aufs::fuse {

// Tells when so many nodes were forgotten that their memory is worth giving back to the system, which the allocator does not do by itself.
// Thread-safe once it is open.
class SpareMemory {
 public:
  // Errors: those of eventfd(2).
  Status open() {
    AUFS_TRY(event_, sys::event_counter());
    return ok();
  }

  // Becomes readable when there is much to give back, and stays so until settle().
  int descriptor() const noexcept { return event_.get(); }

  void count_forgotten() noexcept {
    if ((forgotten_.fetch_add(1, std::memory_order_relaxed) + 1) % kMany == 0) sys::count_event(event_.get());
  }

  // What was told is taken note of.
  void settle() noexcept { sys::reset_event(event_.get()); }

 private:
  static constexpr unsigned kMany = 4096;  // of about 250 bytes

  UniqueFd event_;
  std::atomic<unsigned> forgotten_{0};
};

}  // namespace aufs::fuse
