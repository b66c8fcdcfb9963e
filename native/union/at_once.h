// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>

#include "sys/file_io.h"
#include "sys/scheduling.h"

// Questions to many branches, several at once where the disk has to answer: one after the other each would wait for the last.
namespace aufs {

// Fewer are not worth a thread.
inline constexpr std::size_t kWorthThreads = 8;

// Whether the calling thread had to wait for a disk since this was made; where there are few `questions` nobody looks.
class DiskWatch {
 public:
  explicit DiskWatch(std::size_t questions) noexcept
      : many_(questions >= kWorthThreads), before_(many_ ? sys::disk_reads() : 0) {}
  bool waited() const noexcept { return many_ && sys::disk_reads() != before_; }

 private:
  const bool many_;
  const long before_;
};

// Calls `work` for each number below `count`, on up to eight threads, the calling one among them, and returns when all is done. They have
// what that one has but for its place in the scheduler, which is the usual one.
void for_each_at_once(const sys::UsualPlacement& usual, std::size_t count,
                      const std::function<void(std::size_t)>& work) noexcept;

}  // namespace aufs
