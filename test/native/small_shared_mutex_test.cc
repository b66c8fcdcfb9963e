// SPDX-License-Identifier: MIT
#include "union/small_shared_mutex.h"

#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

namespace aufs {
namespace {

static_assert(sizeof(SmallSharedMutex) == 4);

void run_together(int threads, const std::function<void(int)>& work) {
  std::vector<std::thread> running;
  running.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) running.emplace_back(work, i);
  for (std::thread& thread : running) thread.join();
}

TEST(SmallSharedMutex, IsHeldByReadersOrByOneWriter) {
  SmallSharedMutex mutex;
  mutex.lock_shared();
  EXPECT_TRUE(mutex.try_lock_shared());
  EXPECT_FALSE(mutex.try_lock());
  mutex.unlock_shared();
  EXPECT_FALSE(mutex.try_lock());
  mutex.unlock_shared();
  ASSERT_TRUE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock());
  EXPECT_FALSE(mutex.try_lock_shared());
  mutex.unlock();
  EXPECT_TRUE(mutex.try_lock_shared());
  mutex.unlock_shared();
}

TEST(SmallSharedMutex, WritersAreAlone) {
  SmallSharedMutex mutex;
  long one = 0;
  long other = 0;
  long torn = 0;
  constexpr int kThreads = 6;
  constexpr int kTimes = 20'000;
  run_together(kThreads, [&](int thread) {
    long seen_torn = 0;
    for (int i = 0; i < kTimes; ++i) {
      if (thread % 2 == 0) {
        const std::lock_guard guard(mutex);
        ++one;
        if (i % 64 == 0) std::this_thread::yield();
        ++other;
      } else {
        const std::shared_lock guard(mutex);
        if (i % 64 == 0) std::this_thread::yield();
        if (one != other) ++seen_torn;
      }
    }
    const std::lock_guard guard(mutex);
    torn += seen_torn;
  });
  EXPECT_EQ(torn, 0);
  EXPECT_EQ(one, long{kThreads} / 2 * kTimes);
  EXPECT_EQ(other, one);
}

TEST(SmallSharedMutex, TwoAreLockedTogether) {
  SmallSharedMutex a;
  SmallSharedMutex b;
  long count = 0;
  constexpr int kTimes = 5'000;
  run_together(4, [&](int thread) {
    for (int i = 0; i < kTimes; ++i) {
      std::unique_lock first(thread % 2 == 0 ? a : b, std::defer_lock);
      std::unique_lock second(thread % 2 == 0 ? b : a, std::defer_lock);
      std::lock(first, second);
      ++count;
    }
  });
  EXPECT_EQ(count, 4L * kTimes);
}

// Readers that overlap all the time: there is never a moment without one, unless a writer keeps them out.
TEST(SmallSharedMutex, AStreamOfReadersDoesNotKeepAWriterOut) {
  SmallSharedMutex mutex;
  std::atomic<bool> written{false};
  std::atomic<int> reading{0};
  run_together(5, [&](int thread) {
    if (thread == 0) {
      while (reading < 4) std::this_thread::yield();
      for (int i = 0; i < 20; ++i) {
        const std::lock_guard guard(mutex);
        EXPECT_FALSE(written);
      }
      written = true;
      return;
    }
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    mutex.lock_shared();
    ++reading;
    while (!written && std::chrono::steady_clock::now() < deadline) {
      const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(thread);
      while (std::chrono::steady_clock::now() < until) std::this_thread::yield();
      mutex.unlock_shared();
      mutex.lock_shared();
    }
    mutex.unlock_shared();
  });
  EXPECT_TRUE(written);
}

TEST(SmallSharedMutex, AWaitingWriterComesBeforeNewReaders) {
  SmallSharedMutex mutex;
  mutex.lock_shared();
  std::thread writer([&] { const std::lock_guard guard(mutex); });
  // Only a writer that waits keeps others from reading.
  while (mutex.try_lock_shared()) {
    mutex.unlock_shared();
    std::this_thread::yield();
  }
  mutex.unlock_shared();
  writer.join();
  EXPECT_TRUE(mutex.try_lock());
  mutex.unlock();
}

}  // namespace
}  // namespace aufs
