// SPDX-License-Identifier: MIT
#include "fuse/ring_channel.h"

#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <limits>
#include <new>

namespace aufs::fuse {
namespace {

constexpr std::size_t kOperation = offsetof(wire::RingHeader, operation);
constexpr std::size_t kEntry = offsetof(wire::RingHeader, entry);

// Bytes of the fixed part of a request, which the kernel does not tell; too many if the header is wrong.
std::size_t operation_size(const wire::InHeader& header, std::size_t payload) noexcept {
  return header.len - sizeof header - payload;
}

}  // namespace

// Pages of its own, so that the kernel has no page to look up twice for a large payload. Room for a reply behind strings makes up the rest.
RingSlot::RingSlot(std::uint16_t queue)
    : queue_(queue),
      memory_(static_cast<std::byte*>(
          ::operator new[](kPage + kRequestHead + kMaxTransfer, std::align_val_t(kPage)))) {}

wire::RingEntry RingSlot::entry() const noexcept {
  wire::RingEntry entry;
  std::memcpy(&entry, memory_.get() + kEntry, sizeof entry);
  return entry;
}

std::uint64_t RingSlot::commit_id() const noexcept {
  return entry().commit_id;
}

void RingSlot::read(Dialect dialect, Incoming& into) noexcept {
  std::memcpy(&into.header, memory_.get(), sizeof into.header);
  const std::size_t size = std::min<std::size_t>(entry().payload_size, kMaxTransfer);
  const std::size_t fixed = operation_size(into.header, size);
  if (fixed <= sizeof(wire::RingHeader::operation)) {
    into.request =
        parse_request(into.header, {memory_.get() + kOperation, fixed}, payload().first(size), dialect);
  } else {
    into.request = Error{EINVAL, "io_uring"};
  }
  // Data for a reply is best put where the reply has it.
  into.scratch = {payload().data() + (size == 0 ? 0 : kRequestHead), kMaxTransfer};
}

bool RingSlot::write(const wire::OutHeader& header, std::span<const std::byte> first,
                     std::span<const std::byte> second) noexcept {
  if (first.size() + second.size() > kMaxTransfer) return false;
  if (!first.empty()) std::memmove(payload().data(), first.data(), first.size());
  if (!second.empty()) std::memcpy(payload().data() + first.size(), second.data(), second.size());
  std::memcpy(memory_.get(), &header, sizeof header);
  wire::RingEntry told = entry();
  told.payload_size = static_cast<std::uint32_t>(first.size() + second.size());
  std::memcpy(memory_.get() + kEntry, &told, sizeof told);
  return true;
}

Result<std::unique_ptr<RingChannel>> RingChannel::create(int device, const std::vector<std::uint16_t>& queues,
                                                         Dialect dialect) {
  AUFS_TRY(sys::CommandRing ring, sys::CommandRing::create(static_cast<unsigned>(queues.size())));
  std::unique_ptr<RingChannel> channel(new RingChannel(device, std::move(ring), dialect));
  channel->slots_.reserve(queues.size());
  for (const std::uint16_t queue : queues) channel->slots_.emplace_back(queue);
  return channel;
}

Status RingChannel::give(std::size_t slot, std::uint16_t queue) noexcept {
  const std::span header = slots_[slot].header();
  const std::span payload = slots_[slot].payload();
  const std::array<iovec, 2> room{iovec{header.data(), header.size()}, iovec{payload.data(), payload.size()}};
  const wire::RingCommand command{0, 0, queue, {}};
  ring_.put({device_, wire::kRingRegister, room.data(), static_cast<std::uint32_t>(room.size()), slot,
             std::as_bytes(std::span(&command, 1))});
  AUFS_CHECK(ring_.submit());
  const auto done = ring_.peek();
  return done && done->result < 0 ? Status(Error{-done->result, "io_uring_enter"}) : ok();
}

Status RingChannel::begin() noexcept {
  AUFS_CHECK(ring_.take());
  for (std::size_t slot = 0; slot < slots_.size(); ++slot) AUFS_CHECK(give(slot, slots_[slot].queue()));
  return ok();
}

void RingChannel::decline() noexcept {
  if (!ring_.take()) return;
  constexpr std::uint16_t kNoQueue = std::numeric_limits<std::uint16_t>::max();
  [[maybe_unused]] const Status refused = give(0, kNoQueue);
}

void RingChannel::commit() noexcept {
  const wire::RingCommand command{0, current_->commit_id(), current_->queue(), {}};
  const auto slot = static_cast<std::uint64_t>(current_ - slots_.data());
  ring_.put({device_, wire::kRingCommitAndFetch, nullptr, 0, slot, std::as_bytes(std::span(&command, 1))});
  current_ = nullptr;
}

Status RingChannel::next(Incoming& into) noexcept {
  if (current_ != nullptr) commit();
  AUFS_TRY(const sys::Completion done, ring_.wait());
  if (done.result < 0) return Error{ENOTCONN, "io_uring_enter"};
  current_ = &slots_[done.tag];
  current_->read(dialect_, into);
  // A slot goes back with a reply only: so there is one, whatever becomes of the request.
  current_->write({sizeof(wire::OutHeader), -EIO, into.header.unique}, {}, {});
  served_.store(served_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  return ok();
}

bool RingChannel::reply(const wire::OutHeader& header, std::span<const std::byte> first,
                        std::span<const std::byte> second) noexcept {
  return current_->write(header, first, second);
}

void RingChannel::finish() noexcept {
  if (current_ == nullptr) return;
  commit();
  [[maybe_unused]] const Status given = ring_.submit();
}

}  // namespace aufs::fuse
