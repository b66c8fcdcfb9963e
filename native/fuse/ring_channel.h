// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "fuse/channel.h"
#include "sys/command_ring.h"

namespace aufs::fuse {

// The room that the kernel puts one request into, and takes the reply from.
class RingSlot {
 public:
  explicit RingSlot(std::uint16_t queue);  // throws std::bad_alloc

  std::uint16_t queue() const noexcept { return queue_; }
  std::uint64_t commit_id() const noexcept;
  std::span<std::byte> header() noexcept { return {memory_.get(), sizeof(wire::RingHeader)}; }
  std::span<std::byte> payload() noexcept { return {memory_.get() + kPage, kMaxTransfer}; }

  // The request that lies there.
  void read(Dialect dialect, Incoming& into) noexcept;
  // Puts a reply in its place; false if it is too long.
  bool write(const wire::OutHeader& header, std::span<const std::byte> first,
             std::span<const std::byte> second) noexcept;

 private:
  static constexpr std::size_t kPage = 4096;
  struct FreePages {
    void operator()(std::byte* memory) const noexcept {
      ::operator delete[](memory, std::align_val_t(kPage));
    }
  };
  wire::RingEntry entry() const noexcept;

  std::uint16_t queue_;
  std::unique_ptr<std::byte[], FreePages> memory_;
};

// Requests of some of the kernel's queues over an io_uring of this thread's own, and replies to them: one system call for a reply and the
// next request. FORGET and INTERRUPT come through /dev/fuse all the same.
//
// A request stays in its slot, and so with this thread, until it is answered. With one slot for each thread no request waits for a thread
// that is busy while another is free.
class RingChannel final : public Channel {
 public:
  // `device`, which stays open, is that of the connection; a queue may be given several times. Errors: those of sys::CommandRing.
  static Result<std::unique_ptr<RingChannel>> create(int device, const std::vector<std::uint16_t>& queues,
                                                     Dialect dialect);

  // Gives the kernel the slots; by the thread that asks for requests later, after INIT is answered. After an error the kernel uses /dev/fuse.
  Status begin() noexcept;
  // In place of begin(), when there is no thread for it: lets the kernel refuse a slot.
  void decline() noexcept;

  Status next(Incoming& into) noexcept override;
  bool reply(const wire::OutHeader& header, std::span<const std::byte> first,
             std::span<const std::byte> second) noexcept override;
  void finish() noexcept override;

  // Requests that came so far; any thread may ask.
  std::uint64_t served() const noexcept { return served_.load(std::memory_order_relaxed); }

 private:
  RingChannel(int device, sys::CommandRing ring, Dialect dialect) noexcept
      : device_(device), dialect_(dialect), ring_(std::move(ring)) {}
  Status give(std::size_t slot, std::uint16_t queue) noexcept;
  void commit() noexcept;

  const int device_;
  const Dialect dialect_;
  std::vector<RingSlot> slots_;
  sys::CommandRing ring_;  // goes first: the kernel lets go of the slots
  RingSlot* current_ = nullptr;
  std::atomic<std::uint64_t> served_{0};
};

}  // namespace aufs::fuse
