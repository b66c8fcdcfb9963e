// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>

namespace aufs::sys {

// Sleeps while `word` has this value, until somebody wakes those who wait for it. May return early.
void wait_while(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept;
// Wakes all who wait for `word`, which need not be there any more.
void wake_all(const std::atomic<std::uint32_t>& word) noexcept;

}  // namespace aufs::sys
