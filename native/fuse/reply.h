// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "fuse/channel.h"

namespace aufs::fuse {

// The one reply to a request. Small replies are sent from the caller's stack, large ones from the buffer they are in.
// A reply that was never given is given by the destructor as EIO: a request without reply leaves a process in D state.
class Reply {
 public:
  Reply(Channel& channel, std::uint64_t unique) noexcept : channel_(channel), unique_(unique) {}
  Reply(const Reply&) = delete;
  Reply& operator=(const Reply&) = delete;
  ~Reply();

  // True if the kernel took the reply. False: nobody waits for it any more (the connection is gone), so whatever the
  // reply handed out must be taken back by the caller.
  bool send(std::span<const std::byte> payload) noexcept { return give(0, payload, {}); }
  bool send_text(std::string_view text) noexcept {
    return send(std::as_bytes(std::span(text.data(), text.size())));
  }
  bool send_empty() noexcept { return send({}); }
  template <typename T>
  bool send_struct(const T& value) noexcept {
    return send(std::as_bytes(std::span(&value, 1)));
  }
  template <typename A, typename B>
  bool send_structs(const A& a, const B& b) noexcept {
    return give(0, std::as_bytes(std::span(&a, 1)), std::as_bytes(std::span(&b, 1)));
  }
  void fail(int code) noexcept;

  // For requests that have no reply.
  void give_none() noexcept { given_ = true; }
  bool given() const noexcept { return given_; }

 private:
  bool give(std::int32_t error, std::span<const std::byte> a, std::span<const std::byte> b) noexcept;

  Channel& channel_;
  const std::uint64_t unique_;
  bool given_ = false;
};

}  // namespace aufs::fuse
