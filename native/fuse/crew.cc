// SPDX-License-Identifier: MIT
#include "fuse/crew.h"

#include <algorithm>
#include <utility>

#include "sys/file_io.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

using std::chrono::milliseconds;

// Who asks looks that often whether it is enough, and puts the lookout off.
constexpr milliseconds kLook{1};
// So many looks in a row have found somebody waiting: it is not by chance.
constexpr unsigned kCrowded = 8;
// For how long all ask after they were needed.
constexpr milliseconds kFirstCall{16};
constexpr milliseconds kLongestCall{1024};
// With fewer, callers and two that serve them keep all of them busy.
constexpr unsigned kManyProcessors = 3;

Crew::Clock::rep ticks_of(Crew::Clock::time_point time) noexcept {
  return time.time_since_epoch().count();
}

Crew::Clock::rep ticks_of(Crew::Clock::duration duration) noexcept {
  return duration.count();
}

}  // namespace

// --- who serves

Crew::Hand::Hand(Crew& crew) noexcept : crew_(crew) {}

Crew::Hand::~Hand() {
  if (!asks_) return;
  const std::lock_guard lock(crew_.mutex_);
  crew_.asking_.fetch_sub(1);
}

bool Crew::Hand::take_turn() {
  std::unique_lock lock(crew_.mutex_);
  if (crew_.stopped_) return false;
  asks_ = true;
  if (!crew_.parks_ || crew_.asking_ < kFew) {
    crew_.asking_.fetch_add(1);
    return true;
  }
  crew_.parked_.fetch_add(1);
  for (const unsigned call = crew_.call_; call == crew_.call_;) {
    if (crew_.has_lookout_) {
      crew_.called_.wait(lock);
    } else {
      crew_.look_out(lock, call);
    }
  }
  return !crew_.stopped_;
}

void Crew::Hand::begun() noexcept {
  crew_.busy_.fetch_add(1);
  const bool any_parked = crew_.parked() != 0;
  if (!any_parked && crew_.are_few()) return;
  begun_ = Clock::now();
  if (any_parked && ticks_of(begun_) - crew_.watched_at_.load() >= ticks_of(kLook)) crew_.keep_watch(*this);
}

void Crew::Hand::answered() noexcept {
  crew_.busy_.fetch_sub(1);
  if (const unsigned waits = sys::disk_waits(); waits != disk_waits_) {
    disk_waits_ = waits;
    crew_.call_all();
  } else if (!crew_.are_few() && Clock::now() - begun_ >= kLong) {
    crew_.call_all();
  }
}

bool Crew::Hand::step_back() {
  if (!crew_.parks_ || crew_.are_few()) return false;
  if (ticks_of(Clock::now()) < crew_.all_until_.load(std::memory_order_relaxed)) return false;
  const std::lock_guard lock(crew_.mutex_);
  // Or nobody else waits for the next request.
  if (crew_.are_few() || crew_.asking_ - 1 <= crew_.busy_) return false;
  crew_.asking_.fetch_sub(1);
  asks_ = false;
  return true;
}

// --- all of them

Crew::Crew(bool parks, unsigned processors) noexcept : processors_(processors), parks_(parks) {}

void Crew::begin(int device) noexcept {
  device_ = device;
  Result<UniqueFd> timer = sys::timer();
  parks_ = parks_ && timer;
  if (parks_) timer_ = *std::move(timer);
}

void Crew::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  call_parked();
}

// By one that asks, in time.
void Crew::keep_watch(Hand& hand) noexcept {
  watched_at_.store(ticks_of(hand.begun_));
  sys::set_timer(timer_.get(), kLong);
  const bool waited = hand.disk_reads_ != std::exchange(hand.disk_reads_, sys::disk_reads());
  hand.crowded_ = sys::is_readable(device_, 0) ? hand.crowded_ + 1 : 0;
  if (hand.crowded_ == 0) return;
  if (waited || (processors_ >= kManyProcessors && hand.crowded_ >= kCrowded)) call_all();
}

// Those that are parked ask from now on, and who asks already goes on for a while.
void Crew::call_all() {
  if (!parks_) return;
  const Clock::time_point now = Clock::now();
  const std::lock_guard lock(mutex_);
  if (parked_ != 0) {
    const bool too_short = ticks_of(now) - all_until_ < ticks_of(4 * while_);
    while_ = too_short ? std::min(2 * while_, kLongestCall) : kFirstCall;
    call_parked();
  }
  all_until_ = ticks_of(now + while_);
}

// With the mutex held.
void Crew::call_parked() {
  asking_.fetch_add(parked_.exchange(0));
  call_.fetch_add(1);
  called_.notify_all();
  if (has_lookout_) sys::set_timer(timer_.get(), {});
}

// Until all are called, which it may do itself.
void Crew::look_out(std::unique_lock<std::mutex>& lock, unsigned call) {
  has_lookout_ = true;
  lock.unlock();
  watched_at_.store(ticks_of(Clock::now()));
  sys::set_timer(timer_.get(), kLong);
  while (call_ == call) {
    sys::await_timer(timer_.get());
    if (ticks_of(Clock::now()) - watched_at_.load() < ticks_of(kLong)) continue;  // set again
    watched_at_.store(0);
    if (is_stuck()) call_all();
  }
  lock.lock();
  has_lookout_ = false;
}

// Whoever takes a request from now on sets the timer anew.
bool Crew::is_stuck() const noexcept {
  return busy_.load() >= asking_.load() || sys::is_readable(device_, 0);
}

}  // namespace aufs::fuse
