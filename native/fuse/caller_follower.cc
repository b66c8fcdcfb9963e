// SPDX-License-Identifier: MIT
#include "fuse/caller_follower.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

using std::chrono::milliseconds;

// Requests in a tick, so that being woken is a notable part of what each takes.
constexpr unsigned kBusy = 16;
// A serving thread looks where its caller is at each of its so many requests.
constexpr std::uint32_t kWatched = 4;
// For how long the follower believes what a serving thread vouches for, and all of them.
constexpr milliseconds kBelieved = 2 * CallerFollower::kTick;
constexpr milliseconds kLongest = 16 * CallerFollower::kTick;
// For how long nobody is put beside its caller again after one got no time there: twice as long each time, ended by so many good looks.
constexpr milliseconds kFirstPenalty{16};
constexpr milliseconds kLongestPenalty{256};
constexpr unsigned kGoodLooks = 4;

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

// --- serving threads

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
  if (place_ != kNowhere) follower_.put_back(*this);
}

void CallerFollower::Seat::stay_with(std::uint32_t caller, std::uint32_t count) noexcept {
  if (caller != follower_.followed_.load(std::memory_order_relaxed) ||
      waited_.load(std::memory_order_relaxed)) {
    follower_.disturb();
    return;
  }
  if (count % kWatched != 0 || !follower_.trusting_.load(std::memory_order_relaxed)) return;
  if (watched_ != caller) {
    Result<UniqueFd> watch = sys::watch_thread(static_cast<pid_t>(caller));
    if (!watch) return;
    watch_ = *std::move(watch);
    watched_ = caller;
  }
  const Result<sys::ThreadState> state = sys::watched_state(watch_.get());
  if (!state) return;
  if (static_cast<int>(state->processor) != place_.load()) follower_.take_along(*this, state->processor);
  follower_.vouch();
}

void CallerFollower::rouse() noexcept {
  awake_ = true;
  sys::set_timer(timer_.get(), {});
}

void CallerFollower::disturb() noexcept {
  if (disturbed_.exchange(true)) return;
  trusting_ = false;
  sys::set_timer(timer_.get(), {});
}

// Requests are answered, so those who answer get their share of the processor.
void CallerFollower::vouch() noexcept {
  const Clock::rep now = Clock::now().time_since_epoch().count();
  if (now - vouched_at_.load(std::memory_order_relaxed) < Clock::duration(kTick / 2).count()) return;
  if (now - trusting_from_.load(std::memory_order_relaxed) > Clock::duration(kLongest).count()) return;
  vouched_at_.store(now, std::memory_order_relaxed);
  sys::set_timer(timer_.get(), kBelieved);
}

// The caller is elsewhere. The own thread goes last, and without the lock: others may want the processor that it comes to.
void CallerFollower::take_along(Seat& own, unsigned processor) noexcept {
  {
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (!lock || !trusting_) return;
    for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
      if (seat != &own && !seat->stays_ && seat->place_ != Seat::kNowhere) put_beside(*seat, processor);
    }
    own.place_ = static_cast<int>(processor);
  }
  int place = Seat::kNowhere;
  do {  // again if the follower has changed its mind: what it did may have come first
    place = own.place_;
    [[maybe_unused]] const Status put = place == Seat::kNowhere
                                            ? sys::put_back(0, usual_)
                                            : sys::stay_on_processor(static_cast<unsigned>(place));
  } while (own.place_ != place);
}

// --- the follower

void CallerFollower::start() {
  const Result<sys::Placement> usual = sys::placement();
  if (!usual) {
    why_not_ = "the processors of this machine are too many";
    return;
  }
  Result<UniqueFd> timer = sys::timer();
  if (!timer) {
    why_not_ = "no descriptor for its timer";
    return;
  }
  usual_ = *usual;
  timer_ = *std::move(timer);
  why_not_ = nullptr;
  try {
    thread_ = std::thread([this] { run(); });
  } catch (const std::system_error&) {
    why_not_ = "not enough threads";
  }
}

void CallerFollower::stop() {
  stopping_ = true;
  if (!thread_.joinable()) return;
  trusting_ = false;
  sys::set_timer(timer_.get(), {});
  thread_.join();
}

void CallerFollower::run() noexcept {
  if (const char* why_not = try_it(usual_)) {
    why_not_ = why_not;
    return;
  }
  std::unique_lock lock(mutex_);
  awake_ = false;
  while (!stopping_) {
    lock.unlock();
    sys::await_timer(timer_.get());
    lock.lock();
    while (!stopping_ && follow(lock)) continue;
    awake_ = stopping_.load();
  }
  put_all_back(true);
}

void CallerFollower::wait(std::unique_lock<std::mutex>& lock, milliseconds most) noexcept {
  sys::set_timer(timer_.get(), most);
  lock.unlock();
  if (!stopping_) sys::await_timer(timer_.get());
  lock.lock();
}

// Looks at what is done in a tick, and then waits until that need not be so any more. False if nobody asks.
bool CallerFollower::follow(std::unique_lock<std::mutex>& lock) noexcept {
  count_work();
  wait(lock, kTick);
  if (stopping_ || !look()) return false;
  bool any = false;
  for (const Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    any = any || (!seat->stays_ && seat->place_ != Seat::kNowhere);
  }
  if (!any) return true;
  disturbed_ = false;
  trusting_from_ = Clock::now().time_since_epoch().count();
  trusting_ = true;
  wait(lock, kBelieved);
  trusting_ = false;
  if (disturbed_) put_all_back(false);
  return true;
}

void CallerFollower::count_work(Seat& seat) noexcept {
  const std::uint32_t count = seat.count_.load(std::memory_order_relaxed);
  const std::uint32_t requests = count - seat.counted_;
  seat.work_ = {requests, seat.in_a_row_.load(std::memory_order_relaxed) >= requests,
                seat.waited_.exchange(false, std::memory_order_relaxed)};
  seat.counted_ = count;
  const std::uint32_t begun = seat.begun_.load(std::memory_order_relaxed);
  seat.is_long_ = begun == seat.seen_ && begun != seat.ended_.load(std::memory_order_relaxed);
  seat.seen_ = begun;
}

// Threads that share /dev/fuse get a lone caller's requests in turn.
CallerFollower::Shared CallerFollower::count_work() noexcept {
  Shared shared;
  Work& work = shared.work;
  for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    count_work(*seat);
    if (seat->stays_) continue;
    work.for_disk = work.for_disk || seat->work_.for_disk;
    if (seat->work_.requests == 0) continue;
    const std::uint32_t its = seat->caller_.load(std::memory_order_relaxed);
    work.requests += seat->work_.requests;
    work.one_caller =
        work.one_caller && seat->work_.one_caller && (shared.caller == 0 || shared.caller == its);
    shared.caller = its;
  }
  return shared;
}

// False if nobody asks any more.
bool CallerFollower::look() noexcept {
  looks_.fetch_add(1, std::memory_order_relaxed);
  const Shared shared = count_work();
  const bool busy = is_busy(shared.work, false);
  std::optional<unsigned> place;
  if (busy) {
    const Result<sys::ThreadState> caller = sys::thread_state(static_cast<pid_t>(shared.caller));
    if (caller) place = caller->processor;
    followed_ = shared.caller;
  }
  bool any = false;
  for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    if (seat->stays_) {
      look_at(*seat, is_busy(seat->work_, true), seat->stays_);
    } else {
      look_at(*seat, busy, place);
    }
    any = any || seat->place_ != Seat::kNowhere || seat->work_.requests > 0;
  }
  return any;
}

// Those that share /dev/fuse go together, also one that just got nothing to do: if it went back alone, the next request might be its, and
// nothing would keep the caller where the others are. But one that is long at a request, whoever that is for, gets a processor like anybody.
void CallerFollower::look_at(Seat& seat, bool busy, std::optional<unsigned> place) noexcept {
  const bool beside = seat.place_ != Seat::kNowhere;
  if (!busy || !place) {
    if (beside) give_up(seat);
  } else if (seat.is_long_) {
    if (beside) put_back(seat);
  } else if (seat.place_ != static_cast<int>(*place)) {
    if (beside || Clock::now() >= not_before_) put_beside(seat, *place);
  } else if (++seat.ticks_ == kGoodLooks) {
    penalty_ = {};
  }
}

void CallerFollower::put_beside(Seat& seat, unsigned processor) noexcept {
  const bool was_beside = seat.place_ != Seat::kNowhere;
  const bool there = seat.stays_ || static_cast<bool>(sys::stay_on_processor(processor, seat.thread_));
  if (!there || (!was_beside && !sys::run_when_idle(seat.thread_))) {
    put_back(seat);
    return;
  }
  seat.place_ = static_cast<int>(processor);
  seat.ticks_ = 0;
  times_.fetch_add(1, std::memory_order_relaxed);
}

// Who waits for a processor could not go on: others want it.
void CallerFollower::give_up(Seat& seat) noexcept {
  const Result<sys::ThreadState> state = sys::thread_state(seat.thread_);
  if (state && state->state == 'R') {
    penalty_ = std::clamp(penalty_ * 2, kFirstPenalty, kLongestPenalty);
    not_before_ = Clock::now() + penalty_;
  }
  put_back(seat);
}

void CallerFollower::put_back(Seat& seat) noexcept {
  seat.place_ = Seat::kNowhere;
  sys::Placement usual = usual_;
  if (seat.stays_) {
    CPU_ZERO(&usual.processors);
    CPU_SET(*seat.stays_, &usual.processors);
  }
  [[maybe_unused]] const Status put = sys::put_back(seat.thread_, usual);
}

void CallerFollower::put_all_back(bool also_who_stays) noexcept {
  for (Seat* seat = seats_; seat != nullptr; seat = seat->next_) {
    if (seat->place_ != Seat::kNowhere && (also_who_stays || !seat->stays_)) put_back(*seat);
  }
}

}  // namespace aufs::fuse
