// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "sys/call.h"
#include "sys/process_control.h"

namespace aufs::sys {

Result<Pair> stream_pair() {
  int fds[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) return Error::last("socketpair");
  return Pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<Pair> make_pipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return Error::last("pipe2");
  return Pair{UniqueFd(fds[0]), UniqueFd(fds[1])};
}

Result<UniqueFd> event_counter() {
  const int fd = ::eventfd(0, EFD_CLOEXEC);
  if (fd < 0) return Error::last("eventfd");
  return UniqueFd(fd);
}

void count_event(int descriptor) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(descriptor, &one, sizeof one);
}

void reset_event(int descriptor) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(descriptor, &count, sizeof count);
}

Result<UniqueFd> timer() {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  if (fd < 0) return Error::last("timerfd_create");
  return UniqueFd(fd);
}

// A time of zero would switch it off.
void set_timer(int timer, std::chrono::nanoseconds from_now) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(from_now);
  const auto rest = std::max<std::chrono::nanoseconds>(from_now - seconds, std::chrono::nanoseconds(1));
  const itimerspec when{{}, {seconds.count(), rest.count()}};
  ::timerfd_settime(timer, 0, &when, nullptr);
}

void await_timer(int timer) noexcept {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = retry_eintr([&] { return ::read(timer, &count, sizeof count); });
}

Result<UniqueFd> memory_file(const char* name) {
  const int fd = ::memfd_create(name, MFD_CLOEXEC);
  if (fd < 0) return Error::last("memfd_create");
  return UniqueFd(fd);
}

Result<UniqueFd> receive_descriptor(int socket) {
  char byte = 0;
  iovec part{&byte, 1};
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))];
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t got = retry_eintr([&] { return ::recvmsg(socket, &message, MSG_CMSG_CLOEXEC); });
  if (got < 0) return Error::last("recvmsg");
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header == nullptr || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS ||
      header->cmsg_len != CMSG_LEN(sizeof(int))) {
    return Error{EPROTO, "recvmsg"};
  }
  int fd = -1;
  std::memcpy(&fd, CMSG_DATA(header), sizeof fd);
  return UniqueFd(fd);
}

Status wait_ready(std::span<struct pollfd> descriptors, int timeout_ms) noexcept {
  for (struct pollfd& descriptor : descriptors) descriptor.revents = 0;
  if (::poll(descriptors.data(), descriptors.size(), timeout_ms) >= 0 || errno == EINTR) return ok();
  return Error::last("poll");
}

bool is_readable(int fd, int timeout_ms) noexcept {
  struct pollfd looked_at {
    fd, POLLIN, 0
  };
  const Status looked = wait_ready({&looked_at, 1}, timeout_ms);
  return looked && looked_at.revents != 0;
}

Result<std::size_t> read_some(int fd, char* into, std::size_t size) noexcept {
  const ssize_t got = retry_eintr([&] { return ::read(fd, into, size); });
  if (got < 0) return Error::last("read");
  return static_cast<std::size_t>(got);
}

Status write_all(int fd, std::string_view text, int timeout_ms) noexcept {
  while (!text.empty()) {
    struct pollfd ready {
      fd, POLLOUT, 0
    };
    const int count = ::poll(&ready, 1, timeout_ms);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::last("poll");
    if (count == 0) return Error{ETIMEDOUT, "poll"};
    // Never blocks for longer than the timeout, whatever the mode of a descriptor that others share.
    ssize_t written = ::send(fd, text.data(), text.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (written < 0 && errno == ENOTSOCK)
      written = ::write(fd, text.data(), std::min<std::size_t>(text.size(), 512));
    if (written < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (written < 0) return Error::last("write");
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

bool is_open(int fd) noexcept {
  return ::fcntl(fd, F_GETFD) >= 0;
}

Status close_on_exec(int fd) noexcept {
  return check(::fcntl(fd, F_SETFD, FD_CLOEXEC), "fcntl");
}

Status stdio_to_null() noexcept {
  const int null = retry_eintr([] { return ::open("/dev/null", O_RDWR | O_CLOEXEC); });
  if (null < 0) return Error::last("open");
  const UniqueFd owned(null > 2 ? null : -1);
  for (int fd = 0; fd <= 2; ++fd) {
    if (::dup2(null, fd) < 0) return Error::last("dup2");
  }
  return ok();
}

}  // namespace aufs::sys
