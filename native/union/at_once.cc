// SPDX-License-Identifier: MIT
#include "union/at_once.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <system_error>
#include <thread>
#include <vector>

namespace aufs {
namespace {

// As many reads as a disk of any kind likes to have at once.
constexpr std::size_t kThreads = 8;

}  // namespace

// What no thread could be had for the calling one does itself.
void for_each_at_once(const sys::UsualPlacement& usual, std::size_t count,
                      const std::function<void(std::size_t)>& work) noexcept {
  std::atomic<std::size_t> next{0};
  const auto take_part = [&]() noexcept {
    for (std::size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1)) work(i);
  };
  std::vector<std::thread> helpers;
  try {
    helpers.reserve(kThreads);
    while (helpers.size() + 1 < std::min(kThreads, count / 2)) {
      helpers.emplace_back([&]() noexcept {
        usual.take();
        take_part();
      });
    }
  } catch (const std::system_error&) {
  } catch (const std::bad_alloc&) {
  }
  take_part();
  for (std::thread& helper : helpers) helper.join();
}

}  // namespace aufs
