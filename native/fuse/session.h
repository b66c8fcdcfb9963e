// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "fuse/io_modes.h"
#include "fuse/server.h"

namespace aufs::fuse {

// One connection to the kernel and the threads that serve it.
//
// Order of use: shake_hands(), start(), then either the kernel ends the connection (unmount), which finished_descriptor()
// tells, or stop(). Not thread-safe itself: one thread owns it.
class Session final : private BackingRegistry {
 public:
  Session(UniqueFd device, UnionFs& fs, MountSettings settings);
  ~Session() override;  // stop() must have succeeded, or start() not have been called

  // Answers INIT. Errors: EPROTO for a kernel that is too old, those of read(2).
  Status shake_hands(bool want_passthrough);

  // Starts up to `threads` threads, each with a descriptor of its own where the kernel has that. Errors: EAGAIN if not even
  // one could be started.
  Status start(unsigned threads);

  // Becomes readable when the last thread has ended.
  int finished_descriptor() const noexcept { return finished_.get(); }

  // Lets every thread finish the request that it is in, and ends it. False if one is still busy after `patience`.
  bool stop(std::chrono::milliseconds patience);

  const Server& server() const noexcept { return *server_; }
  unsigned thread_count() const noexcept { return static_cast<unsigned>(threads_.size()); }

 private:
  Result<std::int32_t> open_backing(int fd) override;
  void close_backing(std::int32_t id) override;
  const char* probe_passthrough();
  void serve(int device) noexcept;
  void answer(std::span<std::byte> buffer, std::size_t length, int device) noexcept;

  const UniqueFd device_;
  UnionFs& fs_;
  const MountSettings settings_;
  UniqueFd finished_;
  std::optional<Server> server_;
  Dialect dialect_;
  std::vector<UniqueFd> clones_;
  std::vector<std::thread> threads_;
  std::atomic<unsigned> running_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace aufs::fuse
