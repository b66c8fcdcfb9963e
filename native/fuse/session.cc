// SPDX-License-Identifier: MIT
#include "fuse/session.h"

#include <signal.h>

#include <algorithm>
#include <cerrno>
#include <future>
#include <system_error>

#include "fuse/device_channel.h"
#include "fuse/dispatch.h"
#include "sys/fuse_device.h"
#include "sys/process_control.h"
#include "sys/scheduling.h"

namespace aufs::fuse {
namespace {

constexpr int kInterrupt = SIGUSR1;

// True if asking can go on after this error; otherwise the connection is gone.
bool is_passing(int code) noexcept {
  return code == EINTR || code == ENOENT || code == EAGAIN;
}

// Not fewer than four, even on two processors: a thread that waits for the disk (copy_up, fsync) must not keep the others'
// requests waiting. Measured on two processors: reading 50,000 files takes a quarter less time than with two threads.
unsigned default_threads() {
  return std::clamp(std::thread::hardware_concurrency(), 4U, 8U);
}

}  // namespace

Session::Session(UniqueFd device, UnionFs& fs, MountSettings settings, Serving serving)
    : device_(std::move(device)),
      fs_(fs),
      settings_(std::move(settings)),
      serving_(serving),
      crew_(serving.park_threads) {}

Session::~Session() {
  follower_.stop();
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

Result<std::int32_t> Session::open_backing(int fd) {
  return sys::open_backing(device_.get(), fd);
}

void Session::close_backing(std::int32_t id) {
  [[maybe_unused]] const Status closed = sys::close_backing(device_.get(), id);
}

// Asks once, with a file that any kernel with passthrough takes, whether this process may.
const char* Session::probe_passthrough() {
  const Result<UniqueFd> probe = sys::memory_file("node-aufs-probe");
  if (!probe) return nullptr;
  const Result<std::int32_t> id = open_backing(probe->get());
  if (!id) return lasting_reason(id.error().code);
  close_backing(*id);
  return nullptr;
}

// io_uring is agreed upon only when everything for it is there: the kernel asks nothing before it can use it.
Result<Handshake> Session::agree(const wire::InitIn& init) {
  Wanted want{serving_.passthrough, serving_.over_io_uring, settings_.revalidate};
  Result<Handshake> handshake = fuse::shake_hands(init, want);
  if (!handshake) return handshake;
  const Negotiated& settled = handshake->negotiated;
  dialect_.setxattr_ext = settled.has(wire::kSetxattrExt);
  if (!serving_.over_io_uring) return handshake;
  why_no_rings_ =
      "the kernel has none (Linux 6.14), or has it switched off (parameter enable_uring of its module fuse)";
  if (!settled.has(wire::kOverIoUring)) return handshake;
  Result<std::vector<RingThread>> rings = make_rings(device_.get(), serving_.threads, dialect_);
  if (rings) {
    rings_ = *std::move(rings);
    return handshake;
  }
  why_no_rings_ = fuse::why_no_rings(rings.error().code);
  want.over_io_uring = false;
  return fuse::shake_hands(init, want);
}

Status Session::shake_hands() {
  DeviceChannel channel(device_.get(), dialect_);
  Incoming incoming;
  Status got = Error{EINTR, "read"};
  while (!got && is_passing(got.error().code)) got = channel.next(incoming);
  if (!got) return got.error();
  if (!incoming.request) return incoming.request.error();
  const Request& request = *incoming.request;
  if (request.opcode() != wire::Opcode::kInit) return Error{EPROTO, "init"};
  Reply reply(channel, request.header.unique);
  const Result<Handshake> handshake = agree(request.as<wire::InitIn>());
  if (!handshake) {
    reply.fail(EPROTO);
    return handshake.error();
  }
  if (!reply.send_struct(handshake->reply)) return Error{ENOTCONN, "write"};
  const Negotiated& settled = handshake->negotiated;
  const bool possible = settled.has(wire::kPassthrough);
  const char* why_not =
      serving_.passthrough ? "this kernel has no passthrough (Linux 6.9)" : "switched off by an option";
  BackingRegistry* registry = possible ? this : nullptr;
  server_.emplace(fs_, settings_, settled, registry, why_not);
  if (const char* reason = possible ? probe_passthrough() : nullptr) server_->modes.give_up(reason);
  return ok();
}

Status Session::start() {
  AUFS_TRY(finished_, sys::event_counter());
  AUFS_CHECK(server_->spare.open());
  sys::interrupting_signal(kInterrupt);
  if (serving_.near_caller) follower_.start();
  crew_.begin(device_.get());
  // Whatever becomes of io_uring, FORGET and INTERRUPT come this way, and do not keep anybody waiting.
  if (!start_device_thread(device_.get())) return Error{EAGAIN, "pthread_create"};
  start_rings();
  const unsigned wanted = serving_.threads != 0 ? serving_.threads : default_threads();
  for (unsigned count = 1; why_no_rings_ != nullptr && count < wanted; ++count) {
    int device = device_.get();
    if (Result<UniqueFd> clone = sys::clone_fuse_device(device)) {
      device = clone->get();
      clones_.push_back(*std::move(clone));
    }
    if (!start_device_thread(device)) break;
  }
  return ok();
}

// Without a umask of its own a thread would disturb the others; it is then better not to serve at all.
//
// The kernel takes back what was agreed upon when it has to refuse one slot. Slots that it has taken by then do no harm.
void Session::start_rings() {
  if (rings_.empty()) return;
  const char* why_not = nullptr;
  std::vector<std::future<Status>> begun;
  for (const RingThread& ring : rings_) {
    std::promise<Status> promise;
    std::future<Status> future = promise.get_future();
    const bool started = start_thread([this, &ring, promise = std::move(promise)]() mutable {
      Status ready = sys::separate_umask();
      if (ready) ready = ring.channel->begin();
      if (!ready) ring.channel->decline();
      promise.set_value(ready);
      if (!ready) return;
      // Where its callers are: neither they nor this thread have to be woken on another processor.
      const bool stays = ring.processor && sys::stay_on_processor(*ring.processor);
      serve(*ring.channel, nullptr, stays ? ring.processor : std::nullopt);
    });
    if (started) {
      begun.push_back(std::move(future));
    } else {
      ring.channel->decline();
      why_not = "not enough threads for io_uring";
    }
  }
  for (std::future<Status>& future : begun) {
    const Status ready = future.get();
    if (!ready) why_not = fuse::why_no_rings(ready.error().code);
  }
  why_no_rings_ = why_not;
}

bool Session::start_device_thread(int device) {
  return start_thread([this, device] {
    if (!sys::separate_umask()) return;
    try {
      DeviceChannel channel(device, dialect_);
      Crew::Hand hand(crew_);
      while (hand.take_turn() && serve(channel, &hand, std::nullopt)) continue;
    } catch (const std::bad_alloc&) {  // the others serve
    }
  });
}

template <typename Work>
bool Session::start_thread(Work work) {
  running_.fetch_add(1);
  try {
    threads_.emplace_back([this, work = std::move(work)]() mutable {
      work();
      if (running_.fetch_sub(1) == 1) sys::count_event(finished_.get());
    });
  } catch (const std::system_error&) {
    running_.fetch_sub(1);
    return false;
  }
  return true;
}

bool Session::stop(std::chrono::milliseconds patience) {
  using Clock = std::chrono::steady_clock;
  stopping_.store(true);
  crew_.stop();
  follower_.stop();
  server_->ahead.stop();
  server_->files_ahead.stop();
  // Again and again: a signal that comes just before a thread goes to wait is lost.
  const auto is_busy = [this] {
    return running_.load() > 0 || !server_->ahead.is_idle() || !server_->files_ahead.is_idle();
  };
  for (const auto deadline = Clock::now() + patience; is_busy();) {
    if (Clock::now() >= deadline) return false;
    for (std::thread& thread : threads_) sys::interrupt_thread(thread.native_handle(), kInterrupt);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  return true;
}

std::uint64_t Session::ring_requests() const noexcept {
  std::uint64_t sum = 0;
  for (const RingThread& ring : rings_) sum += ring.channel->served();
  return sum;
}

// True if `hand` has stepped back.
bool Session::serve(Channel& channel, Crew::Hand* hand, std::optional<unsigned> processor) noexcept {
  CallerFollower::Seat seat(follower_, processor);
  Incoming incoming;
  bool steps_back = false;
  while (!steps_back && !stopping_.load(std::memory_order_relaxed)) {
    const Status got = channel.next(incoming);
    if (got) {
      seat.asked(incoming.header.pid);
      if (hand != nullptr) hand->begun();
      answer(incoming, channel);
      if (hand != nullptr) hand->answered();
      seat.answered();
      steps_back = hand != nullptr && hand->step_back();
    } else if (!is_passing(got.error().code)) {
      crew_.stop();  // it is gone for all of them
      break;
    }
  }
  channel.finish();
  return steps_back;
}

void Session::answer(const Incoming& incoming, Channel& channel) noexcept {
  if (!incoming.request && incoming.header.unique == 0) return;  // not even a header
  Reply reply(channel, incoming.header.unique);
  if (!incoming.request) {
    reply.fail(incoming.request.error().code);
    return;
  }
  Call call{*server_, *incoming.request, reply, device_.get(), incoming.scratch};
  dispatch(call);
}

}  // namespace aufs::fuse
