// SPDX-License-Identifier: MIT
#include "sys/command_ring.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "sys/call.h"

namespace aufs::sys {
namespace {

// Numbers and structures of io_uring(7), so that older kernel headers do.
constexpr long kSetup = 425;  // system calls: the same for every processor that Node runs on
constexpr long kEnter = 426;
constexpr long kRegister = 427;

constexpr std::uint32_t kCompletionQueueSize = 1U << 3;
constexpr std::uint32_t kStartDisabled = 1U << 6;
constexpr std::uint32_t kLongSubmissions = 1U << 10;
constexpr std::uint32_t kSingleIssuer = 1U << 12;
constexpr std::uint32_t kDeferWork = 1U << 13;
constexpr std::uint32_t kNoIndirection = 1U << 16;

constexpr std::uint32_t kHasOneMapping = 1U << 0;  // Linux 5.4
constexpr std::uint32_t kHasNoIowait = 1U << 17;   // Linux 6.15

constexpr unsigned kGetEvents = 1U << 0;
constexpr unsigned kNoIowait = 1U << 7;
constexpr unsigned kEnable = 12;
constexpr off_t kSubmissionsOffset = 0x10000000;
constexpr std::uint8_t kDeviceCommand = 46;

struct SubmissionOffsets {
  std::uint32_t head, tail, ring_mask, ring_entries, flags, dropped, array, reserved;
  std::uint64_t user_address;
};
struct CompletionOffsets {
  std::uint32_t head, tail, ring_mask, ring_entries, overflow, completions, flags, reserved;
  std::uint64_t user_address;
};
struct Parameters {
  std::uint32_t submissions, completions, flags, thread_cpu, thread_idle, features, shared_fd, reserved[3];
  SubmissionOffsets submission_offsets;
  CompletionOffsets completion_offsets;
};
struct Submission {
  std::uint8_t opcode, flags;
  std::uint16_t priority;
  std::int32_t fd;
  std::uint32_t command, padding;
  std::uint64_t address;
  std::uint32_t length, command_flags;
  std::uint64_t tag;
  std::uint32_t unused[2];
  std::byte argument[80];
};
struct CompletionEntry {
  std::uint64_t tag;
  std::int32_t result;
  std::uint32_t flags;
};
static_assert(sizeof(Parameters) == 120 && sizeof(Submission) == 128 && sizeof(CompletionEntry) == 16);

Result<std::span<std::byte>> map(int fd, std::size_t size, off_t offset) noexcept {
  void* at = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, offset);
  if (at == MAP_FAILED) return Error::last("mmap");
  return std::span(static_cast<std::byte*>(at), size);
}

void unmap(std::span<std::byte> mapping) noexcept {
  if (!mapping.empty()) ::munmap(mapping.data(), mapping.size());
}

}  // namespace

Result<CommandRing> CommandRing::create(unsigned capacity) {
  Parameters parameters{};
  // Its thread takes the ring when it starts. Work of the kernel on a command, as the copying of a request, is then done while
  // that thread waits, not whenever it happens to be interrupted.
  parameters.flags =
      kCompletionQueueSize | kStartDisabled | kLongSubmissions | kSingleIssuer | kDeferWork | kNoIndirection;
  parameters.completions = std::bit_ceil(std::max(capacity, 2U));
  const long fd = ::syscall(kSetup, 1, &parameters);
  if (fd < 0) return Error::last("io_uring_setup");
  CommandRing ring{UniqueFd(static_cast<int>(fd))};
  if ((parameters.features & kHasOneMapping) == 0) return Error{EINVAL, "io_uring_setup"};
  if ((parameters.features & kHasNoIowait) != 0) ring.wait_flags_ = kNoIowait;
  const CompletionOffsets& completion = parameters.completion_offsets;
  ring.at_ = {parameters.submission_offsets.tail, completion.head, completion.tail, completion.completions,
              parameters.completions - 1};
  const std::size_t size = completion.completions + parameters.completions * sizeof(CompletionEntry);
  AUFS_TRY(ring.shared_, map(ring.fd_.get(), size, 0));
  AUFS_TRY(ring.submission_, map(ring.fd_.get(), sizeof(Submission), kSubmissionsOffset));
  return ring;
}

CommandRing::CommandRing(CommandRing&& other) noexcept
    : fd_(std::move(other.fd_)),
      shared_(std::exchange(other.shared_, {})),
      submission_(std::exchange(other.submission_, {})),
      at_(other.at_),
      wait_flags_(other.wait_flags_),
      prepared_(other.prepared_) {}

CommandRing::~CommandRing() {
  unmap(submission_);
  unmap(shared_);
}

std::uint32_t& CommandRing::word(std::uint32_t offset) const noexcept {
  return *reinterpret_cast<std::uint32_t*>(shared_.data() + offset);
}

Status CommandRing::take() noexcept {
  return check(::syscall(kRegister, fd_.get(), kEnable, nullptr, 0), "io_uring_register");
}

void CommandRing::put(const DeviceCommand& command) noexcept {
  Submission submission{};
  submission.opcode = kDeviceCommand;
  submission.fd = command.device;
  submission.command = command.code;
  submission.address = reinterpret_cast<std::uintptr_t>(command.address);
  submission.length = command.length;
  submission.tag = command.tag;
  std::copy(command.argument.begin(), command.argument.end(), submission.argument);
  std::memcpy(submission_.data(), &submission, sizeof submission);
  std::atomic_ref(word(at_.submission_tail)).fetch_add(1, std::memory_order_release);
  prepared_ = 1;
}

Status CommandRing::enter(unsigned wanted) noexcept {
  const long taken = ::syscall(kEnter, fd_.get(), prepared_, wanted,
                               kGetEvents | (wanted == 0 ? 0 : wait_flags_), nullptr, 0);
  if (taken < 0) return Error::last("io_uring_enter");
  prepared_ -= static_cast<unsigned>(taken);
  return ok();
}

Status CommandRing::submit() noexcept {
  while (prepared_ > 0) AUFS_CHECK(enter(0));
  return ok();
}

Result<Completion> CommandRing::wait() noexcept {
  if (prepared_ > 0 || !peek()) AUFS_CHECK(enter(1));
  const std::optional<Completion> done = peek();
  if (!done) return Error{EINTR, "io_uring_enter"};
  std::atomic_ref(word(at_.completion_head)).fetch_add(1, std::memory_order_release);
  return *done;
}

std::optional<Completion> CommandRing::peek() const noexcept {
  const std::uint32_t next = word(at_.completion_head);  // nobody else moves it
  if (next == std::atomic_ref(word(at_.completion_tail)).load(std::memory_order_acquire)) return std::nullopt;
  CompletionEntry entry;
  const std::size_t at = at_.completions + (next & at_.completion_mask) * sizeof entry;
  std::memcpy(&entry, shared_.data() + at, sizeof entry);
  return Completion{entry.tag, entry.result};
}

}  // namespace aufs::sys
