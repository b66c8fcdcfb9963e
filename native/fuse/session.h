// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "fuse/caller_follower.h"
#include "fuse/crew.h"
#include "fuse/io_modes.h"
#include "fuse/rings.h"
#include "fuse/server.h"

namespace aufs::fuse {

// How a mount is to be served, where the kernel can.
struct Serving {
  bool passthrough = true;
  bool over_io_uring = true;
  bool near_caller = true;   // threads stay with a lone caller
  bool park_threads = true;  // those that the load does not need
  unsigned threads = 0;      // 0: by the number of processors
};

// One connection to the kernel and the threads that serve it.
//
// Order of use: shake_hands(), start(), then either the kernel ends the connection (unmount), which finished_descriptor()
// tells, or stop(). Not thread-safe itself: one thread owns it.
class Session final : private BackingRegistry {
 public:
  Session(UniqueFd device, UnionFs& fs, MountSettings settings, Serving serving);
  ~Session() override;  // stop() must have succeeded, or start() not have been called

  // Answers INIT. Errors: EPROTO for a kernel that is too old, those of read(2).
  Status shake_hands();

  // Starts the threads, or as many as there can be: those of io_uring, or such with a descriptor each where the kernel has that.
  // Errors: EAGAIN if not even one could be started.
  Status start();

  // Becomes readable when the last thread has ended.
  int finished_descriptor() const noexcept { return finished_.get(); }

  // Lets every thread finish the request that it is in, and ends it. False if one is still busy after `patience`.
  bool stop(std::chrono::milliseconds patience);

  // Told of what the server need not keep.
  SpareMemory& spare_memory() noexcept { return server_->spare; }

  const Server& server() const noexcept { return *server_; }
  unsigned thread_count() const noexcept { return static_cast<unsigned>(threads_.size()); }
  // How many the load does not need at the moment.
  unsigned parked_threads() const noexcept { return crew_.parked(); }
  // Why requests do not come over io_uring; null if they do.
  const char* why_no_rings() const noexcept { return why_no_rings_; }
  std::uint64_t ring_requests() const noexcept;
  const CallerFollower& follower() const noexcept { return follower_; }

 private:
  Result<std::int32_t> open_backing(int fd) override;
  void close_backing(std::int32_t id) override;
  const char* probe_passthrough();
  Result<Handshake> agree(const wire::InitIn& init);
  void start_rings();
  bool start_device_thread(int device);
  template <typename Work>
  bool start_thread(Work work);
  bool serve(Channel& channel, Crew::Hand* hand, std::optional<unsigned> processor) noexcept;
  void answer(const Incoming& incoming, Channel& channel) noexcept;

  const UniqueFd device_;
  UnionFs& fs_;
  const MountSettings settings_;
  const Serving serving_;
  UniqueFd finished_;
  std::optional<Server> server_;
  Dialect dialect_;
  std::vector<RingThread> rings_;
  const char* why_no_rings_ = "switched off by an option";
  std::vector<UniqueFd> clones_;
  CallerFollower follower_;
  Crew crew_;
  std::vector<std::thread> threads_;
  std::atomic<unsigned> running_{0};
  std::atomic<bool> stopping_{false};
};

}  // namespace aufs::fuse
