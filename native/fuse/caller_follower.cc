// SPDX-License-Identifier: MIT
#include "fuse/caller_follower.h"

#include <algorithm>
#include <system_error>
#include <utility>

namespace aufs::fuse {
namespace {

using std::chrono::milliseconds;

// Requests in a tick, so that being woken is a notable part of what each takes.
constexpr unsigned kBusy = 16;
// For how long nobody is put beside its caller again after one got no time there: twice as long each time, ended by so many good ticks.
constexpr milliseconds kFirstPenalty{16};
constexpr milliseconds kLongestPenalty{256};
constexpr unsigned kGoodTicks = 16;

// Whether this process may take back what it does to a thread.
const char* try_it(const sys::Placement& usual) {
  if (usual.policy != SCHED_OTHER) return "the server runs under a scheduling policy of its own";
  if (!sys::run_when_idle(0)) return "the kernel has no SCHED_IDLE, or it is forbidden here";
  return sys::put_back(0, usual) ? nullptr : "needs CAP_SYS_NICE";
}

}  // namespace

bool CallerFollower::is_busy(const Work& work, bool stays) noexcept {
  return work.requests >= kBusy && !work.for_disk && (stays || work.one_caller);
}

CallerFollower::Seat::Seat(CallerFollower& follower, std::optional<unsigned> processor) noexcept
    : follower_(follower), stays_(processor), thread_(sys::thread_id()) {
  const std::lock_guard lock(follower_.mutex_);
  next_ = std::exchange(follower_.seats_, this);
}

CallerFollower::Seat::~Seat() {
  const std::lock_guard lock(follower_.mutex_);
  Seat** at = &follower_.seats_;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
}

void CallerFollower::start() {
  const Result<sys::Placement> usual = sys::placement();
  if (!usual) {
    why_not_ = "the processors of this machine are too many";
    return;
  }
  usual_ = *usual;
  why_not_ = nullptr;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    why_not_ = "not enough threads";
  }
}

void CallerFollower::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void CallerFollower::rouse() noexcept {
  {
    const std::lock_guard lock(mutex_);
    awake_ = true;
  }
  wake_.notify_all();
}

void CallerFollower::run() noexcept {
  if (const char* why_not = try_it(usual_)) {
    why_not_ = why_not;
    return;
  }
  std::unique_lock lock(mutex_);
  awake_ = false;
  while (!stopping_) {
    wake_.wait(lock, [this] { return stopping_ || awake_; });
    count_work();
    do {
      wake_.wait_for(lock, kTick, [this] { return stopping_; });
    } while (!stopping_ && look());
    awake_ = stopping_;
  }
  for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    if (seat->beside_) put_back(*seat);
  }
}

// Threads that share /dev/fuse get a lone caller's requests in turn.
CallerFollower::Work CallerFollower::count_work() noexcept {
  Work shared;
  std::uint32_t caller = 0;
  for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    const std::uint32_t count = seat->count_.load(std::memory_order_relaxed);
    const std::uint32_t requests = count - seat->counted_;
    seat->work_ = {requests, seat->in_a_row_.load(std::memory_order_relaxed) >= requests,
                   seat->waited_.exchange(false, std::memory_order_relaxed)};
    seat->counted_ = count;
    if (seat->stays_) continue;
    shared.for_disk = shared.for_disk || seat->work_.for_disk;
    if (requests == 0) continue;
    const std::uint32_t its = seat->caller_.load(std::memory_order_relaxed);
    shared.requests += requests;
    shared.one_caller = shared.one_caller && seat->work_.one_caller && (caller == 0 || caller == its);
    caller = its;
  }
  return shared;
}

// False if nobody asks any more.
bool CallerFollower::look() noexcept {
  const Work shared = count_work();
  bool any = false;
  for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    look_at(*seat, seat->stays_ ? is_busy(seat->work_, true) : is_busy(shared, false));
    any = any || seat->beside_ || seat->work_.requests > 0;
  }
  return any;
}

void CallerFollower::look_at(Seat& seat, bool busy) noexcept {
  // Of many threads one that got nothing to do may as well be one that could not do it.
  if (!busy || seat.work_.requests == 0) {
    if (seat.beside_) put_back(seat);
    return;
  }
  if (!seat.beside_ && Clock::now() < not_before_) return;
  const std::optional<unsigned> place = place_for(seat);
  if (!place) {
    if (seat.beside_) put_back(seat);
  } else if (seat.beside_ != place) {
    put_beside(seat, *place);
  } else if (++seat.ticks_ == kGoodTicks) {
    penalty_ = {};
  }
}

std::optional<unsigned> CallerFollower::place_for(const Seat& seat) noexcept {
  if (seat.stays_) return seat.stays_;
  const auto caller = static_cast<pid_t>(seat.caller_.load(std::memory_order_relaxed));
  const Result<sys::ThreadState> state = sys::thread_state(caller);
  return state ? std::optional(state->processor) : std::nullopt;
}

void CallerFollower::put_beside(Seat& seat, unsigned processor) noexcept {
  const bool there = seat.stays_ || static_cast<bool>(sys::stay_on_processor(processor, seat.thread_));
  const bool done = there && (seat.beside_ || static_cast<bool>(sys::run_when_idle(seat.thread_)));
  if (!done) {
    put_back(seat);
    return;
  }
  seat.beside_ = processor;
  seat.ticks_ = 0;
  times_.fetch_add(1, std::memory_order_relaxed);
}

// Who waits for a processor could not go on: others want it.
void CallerFollower::put_back(Seat& seat) noexcept {
  const Result<sys::ThreadState> state = sys::thread_state(seat.thread_);
  if (seat.beside_ && state && state->state == 'R') {
    penalty_ = std::clamp(penalty_ * 2, kFirstPenalty, kLongestPenalty);
    not_before_ = Clock::now() + penalty_;
  }
  sys::Placement usual = usual_;
  if (seat.stays_) {
    CPU_ZERO(&usual.processors);
    CPU_SET(*seat.stays_, &usual.processors);
  }
  [[maybe_unused]] const Status put = sys::put_back(seat.thread_, usual);
  seat.beside_.reset();
}

}  // namespace aufs::fuse
