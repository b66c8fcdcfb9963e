// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/unique_fd.h"
#include "fuse/failure.h"

namespace aufs::fuse {

// The socket to whoever owns the server: lines of text in, lines of JSON out. Without a socket every call does nothing.
class Control {
 public:
  explicit Control(int fd) noexcept : fd_(fd) {}

  int fd() const noexcept { return fd_.get(); }

  // Takes in what has arrived; to be called when the socket is readable. False at its end: the owner is gone.
  bool receive();
  // The next complete line, without its end.
  std::optional<std::string> next_line();

  // Sends a line. An owner that does not read for some seconds is not waited for.
  void send(const std::string& line) noexcept;

 private:
  UniqueFd fd_;
  std::string received_;
};

// {"event":"failed", …}
std::string failure_line(const Failure& failure);

}  // namespace aufs::fuse
