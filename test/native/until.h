// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <functional>
#include <thread>

namespace aufs::test {

// Waits until something is so. Whether it came to be.
inline bool until(const std::function<bool()>& so,
                  std::chrono::steady_clock::duration patience = std::chrono::seconds(5)) {
  using Clock = std::chrono::steady_clock;
  for (const auto end = Clock::now() + patience; Clock::now() < end;
       std::this_thread::sleep_for(std::chrono::milliseconds(1))) {
    if (so()) return true;
  }
  return so();
}

}  // namespace aufs::test
