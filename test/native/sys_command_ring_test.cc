// SPDX-License-Identifier: MIT
// On a device that takes every command, /dev/null, where io_uring may be used.
#include <gtest/gtest.h>
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

#include "sys/command_ring.h"
#include "sys/file_io.h"
#include "sys/process_control.h"

namespace aufs::sys {
namespace {

class CommandRings : public ::testing::Test {
 protected:
  void SetUp() override {
    Result<UniqueFd> null = open_at(AT_FDCWD, "/dev/null", O_RDWR);
    ASSERT_TRUE(null);
    null_ = *std::move(null);
    const Result<CommandRing> ring = CommandRing::create(1);
    if (!ring) GTEST_SKIP() << ring.error().syscall << ": " << ring.error().code;
  }
  DeviceCommand command(std::uint64_t tag, int device = -1) const {
    return {device < 0 ? null_.get() : device, 1, nullptr, 0, tag, {}};
  }
  UniqueFd null_;
};

TEST_F(CommandRings, ACommandComesBackWithItsTag) {
  Result<CommandRing> ring = CommandRing::create(1);
  ASSERT_TRUE(ring);
  ASSERT_TRUE(ring->take());
  for (std::uint64_t tag = 1; tag < 10; ++tag) {
    ring->put(command(tag));
    const Result<Completion> done = ring->wait();
    ASSERT_TRUE(done);
    EXPECT_EQ(done->tag, tag);
  }
  EXPECT_FALSE(ring->peek());
}

TEST_F(CommandRings, WhatIsHandedOverCompletesInOrder) {
  Result<CommandRing> ring = CommandRing::create(3);
  ASSERT_TRUE(ring);
  ASSERT_TRUE(ring->take());
  for (std::uint64_t tag = 1; tag <= 3; ++tag) {
    ring->put(command(tag));
    ASSERT_TRUE(ring->submit());
  }
  ASSERT_TRUE(ring->peek());
  EXPECT_EQ(ring->peek()->tag, 1U);
  for (std::uint64_t tag = 1; tag <= 3; ++tag) EXPECT_EQ(ring->wait()->tag, tag);
}

TEST_F(CommandRings, ARefusalIsAResult) {
  const Result<UniqueFd> file = memory_file("no-device");
  ASSERT_TRUE(file);
  Result<CommandRing> ring = CommandRing::create(1);
  ASSERT_TRUE(ring);
  ASSERT_TRUE(ring->take());
  ring->put(command(7, file->get()));
  ASSERT_TRUE(ring->submit());
  const auto done = ring->peek();
  ASSERT_TRUE(done);
  EXPECT_EQ(done->tag, 7U);
  EXPECT_EQ(done->result, -EOPNOTSUPP);
}

TEST_F(CommandRings, ASignalEndsTheWait) {
  interrupting_signal(SIGUSR1);
  std::atomic<int> code{0};
  std::thread waiting([&code] {
    Result<CommandRing> ring = CommandRing::create(1);
    const bool taken = ring && ring->take();
    code = taken ? ring->wait().error().code : -1;
  });
  while (code == 0) {
    interrupt_thread(waiting.native_handle(), SIGUSR1);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  waiting.join();
  EXPECT_EQ(code, EINTR);
}

}  // namespace
}  // namespace aufs::sys
