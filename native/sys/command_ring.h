// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

namespace aufs::sys {

// A command to a device, as io_uring carries it (IORING_OP_URING_CMD).
struct DeviceCommand {
  int device;
  std::uint32_t code;
  const void* address;  // for the device; null: none
  std::uint32_t length;
  std::uint64_t tag;                    // comes back with the completion
  std::span<const std::byte> argument;  // at most 80 bytes
};

// How a command ended: not negative, or -errno.
struct Completion {
  std::uint64_t tag;
  std::int32_t result;
};

// An io_uring for commands to devices. Any thread may make it and let go of it; the one that takes it uses it alone.
class CommandRing {
 public:
  // `capacity`: how many commands may be under way at one time. Linux 6.6.
  // Errors: EPERM (kernel.io_uring_disabled, or a seccomp filter), ENOSYS, EINVAL (older kernel), ENOMEM, EMFILE.
  static Result<CommandRing> create(unsigned capacity);
  CommandRing(CommandRing&& other) noexcept;
  CommandRing& operator=(CommandRing&&) = delete;
  ~CommandRing();

  Status take() noexcept;
  // Prepares a command, which the next submit() or wait() hands over. One at a time.
  void put(const DeviceCommand& command) noexcept;
  // A command that the device refuses at once has completed when this returns. Errors: EAGAIN (no memory; the command is still prepared).
  Status submit() noexcept;
  // Hands over what is prepared, and waits for a completion. Errors: EAGAIN as above; EINTR (a signal; not retried, that is how somebody
  // who waits is stopped).
  Result<Completion> wait() noexcept;
  // The oldest completion that wait() has not given yet.
  std::optional<Completion> peek() const noexcept;

 private:
  struct Offsets {  // in shared_
    std::uint32_t submission_tail, completion_head, completion_tail, completions, completion_mask;
  };

  explicit CommandRing(UniqueFd fd) noexcept : fd_(std::move(fd)) {}
  Status enter(unsigned wanted) noexcept;
  std::uint32_t& word(std::uint32_t offset) const noexcept;

  UniqueFd fd_;
  std::span<std::byte> shared_;      // heads and tails of both queues, and the completions
  std::span<std::byte> submission_;  // the one that is prepared
  Offsets at_{};
  unsigned wait_flags_ = 0;
  unsigned prepared_ = 0;
};

}  // namespace aufs::sys
