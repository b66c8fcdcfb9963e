// SPDX-License-Identifier: MIT
// With the real scheduler. Where this process may not take SCHED_IDLE back (an ordinary user) only the rule is tested.
#include <gtest/gtest.h>
#include <sys/prctl.h>

#include <functional>
#include <vector>

#include "fuse/caller_follower.h"
#include "sys/process_control.h"
#include "until.h"

namespace aufs::fuse {
namespace {

using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;
using test::until;

struct Scheduled {
  int policy;
  int processors;
  bool operator==(const Scheduled&) const = default;
};

Scheduled scheduled(pid_t thread) {
  cpu_set_t set;
  CPU_ZERO(&set);
  ::sched_getaffinity(thread, sizeof set, &set);
  return {::sched_getscheduler(thread), CPU_COUNT(&set)};
}

// Something that runs on a thread of its own again and again until it is told to stop.
class Loop {
 public:
  explicit Loop(std::function<void()> before, std::function<void()> work)
      : thread_([this, before = std::move(before), work = std::move(work)] {
          before();
          id_ = sys::thread_id();
          while (!stopping_) work();
        }) {
    while (id_ == 0) std::this_thread::yield();
  }
  ~Loop() { stop(); }
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  pid_t id() const { return id_; }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }

 private:
  std::atomic<pid_t> id_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// A thread that sits at the follower and asks for whoever `caller` tells, 0 for a pause.
class FollowingServer {
 public:
  FollowingServer(CallerFollower& follower, std::function<std::uint32_t()> caller)
      : loop_([this, &follower] { seat_.emplace(follower, std::nullopt); },
              [this, caller = std::move(caller)] {
                seat_->asked(caller());
                seat_->answered();
                std::this_thread::sleep_for(20us);
              }) {}
  pid_t id() const { return loop_.id(); }

 private:
  std::optional<CallerFollower::Seat> seat_;
  Loop loop_;
};

class FuseCallerFollower : public testing::Test {
 protected:
  void SetUp() override {
    usual_ = scheduled(0);
    follower_.start();
    // The follower has tried by the time that it has been asked once.
    FollowingServer server(follower_, [] { return static_cast<std::uint32_t>(sys::thread_id()); });
    until([this] { return follower_.why_not() != nullptr || follower_.count() > 0; });
    if (follower_.why_not() != nullptr) GTEST_SKIP() << follower_.why_not();
  }

  Scheduled usual_{};
  CallerFollower follower_;
};

TEST(FuseCallerFollowerRule, BusyIsALoneCallerOrThreadsThatStayAnyway) {
  EXPECT_FALSE(CallerFollower::is_busy({0, true}, false));
  EXPECT_FALSE(CallerFollower::is_busy({15, true}, false));
  EXPECT_TRUE(CallerFollower::is_busy({16, true}, false));
  EXPECT_FALSE(CallerFollower::is_busy({1000, false}, false));
  EXPECT_TRUE(CallerFollower::is_busy({16, false}, true));
  EXPECT_FALSE(CallerFollower::is_busy({15, false}, true));
  EXPECT_FALSE(CallerFollower::is_busy({1000, true, true}, false));
  EXPECT_FALSE(CallerFollower::is_busy({1000, true, true}, true));
}

TEST(SysScheduling, TellsStateAndProcessorOfAThread) {
  ::prctl(PR_SET_NAME, "a) S 1 (b");
  const Result<sys::ThreadState> own = sys::thread_state(sys::thread_id());
  ASSERT_TRUE(own);
  EXPECT_EQ(own->state, 'R');
  EXPECT_LT(own->processor, std::max(std::thread::hardware_concurrency(), 1U) * 1024);
  const sys::Placement before = *sys::placement();
  ASSERT_TRUE(sys::stay_on_processor(own->processor));
  EXPECT_EQ(sys::thread_state(sys::thread_id())->processor, own->processor);
  EXPECT_TRUE(sys::put_back(0, before));
  EXPECT_FALSE(sys::thread_state(0x7ffffffe));
  EXPECT_TRUE(failed_with(sys::stay_on_processor(CPU_SETSIZE), EINVAL));
}

TEST_F(FuseCallerFollower, PutsWhoServesALoneCallerBesideItAndBackAfterwards) {
  std::atomic<std::uint32_t> caller = static_cast<std::uint32_t>(sys::thread_id());
  FollowingServer server(follower_, [&] { return caller.load(); });
  const Scheduled beside{SCHED_IDLE, 1};
  EXPECT_TRUE(until([&] { return scheduled(server.id()) == beside; }));
  caller = 0;
  EXPECT_TRUE(until([&] { return scheduled(server.id()) == usual_; }));
  caller = static_cast<std::uint32_t>(sys::thread_id());
  EXPECT_TRUE(until([&] { return scheduled(server.id()) == beside; }));
}

TEST_F(FuseCallerFollower, LeavesWhoWaitsForTheDiskWhereItIs) {
  const auto caller = static_cast<std::uint32_t>(sys::thread_id());
  const Result<UniqueFd> file = sys::memory_file("test");
  std::atomic<bool> waits{true};
  const std::uint64_t before = follower_.count();
  FollowingServer server(follower_, [&] {
    if (waits) [[maybe_unused]]
      const Status flushed = sys::fdatasync(file->get());
    return caller;
  });
  std::this_thread::sleep_for(200ms);
  EXPECT_LE(follower_.count(), before + 1) << "the first tick may have begun before the first wait";
  waits = false;
  EXPECT_TRUE(until([&] { return scheduled(server.id()).policy == SCHED_IDLE; }));
  waits = true;
  EXPECT_TRUE(until([&] { return scheduled(server.id()) == usual_; }));
}

TEST_F(FuseCallerFollower, FollowsTheCallerToAnotherProcessor) {
  if (usual_.processors < 2) GTEST_SKIP() << "one processor";
  const sys::Placement before = *sys::placement();
  FollowingServer server(follower_,
                         [caller = static_cast<std::uint32_t>(sys::thread_id())] { return caller; });
  for (int processor = 0, seen = 0; seen < 2; ++processor) {
    if (!CPU_ISSET(processor, &before.processors)) continue;
    ++seen;
    ASSERT_TRUE(sys::stay_on_processor(static_cast<unsigned>(processor)));
    EXPECT_TRUE(until([&] {
      cpu_set_t set;
      ::sched_getaffinity(server.id(), sizeof set, &set);
      return CPU_COUNT(&set) == 1 && CPU_ISSET(processor, &set);
    })) << processor;
  }
  ASSERT_TRUE(sys::put_back(0, before));
}

// A thread that is asked once, for nobody, and `answers` or not.
class OneRequest {
 public:
  OneRequest(CallerFollower& follower, bool answers)
      : loop_(
            [this, &follower, answers] {
              seat_.emplace(follower, std::nullopt);
              seat_->asked(0);
              if (answers) seat_->answered();
            },
            [] { std::this_thread::sleep_for(1ms); }) {}
  pid_t id() const { return loop_.id(); }

 private:
  std::optional<CallerFollower::Seat> seat_;
  Loop loop_;
};

TEST_F(FuseCallerFollower, TakesWhoHasNothingToDoAlongButNotWhoIsLongAtSomething) {
  const OneRequest waits(follower_, true);
  const OneRequest works(follower_, false);
  FollowingServer server(follower_,
                         [caller = static_cast<std::uint32_t>(sys::thread_id())] { return caller; });
  const Scheduled beside{SCHED_IDLE, 1};
  EXPECT_TRUE(until([&] { return scheduled(server.id()) == beside && scheduled(waits.id()) == beside; }));
  EXPECT_TRUE(until([&] { return scheduled(works.id()) == usual_; }));
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(scheduled(works.id()), usual_);
}

TEST_F(FuseCallerFollower, GoesBackAtOnceWhenAnotherCallerComes) {
  const auto lone = static_cast<std::uint32_t>(sys::thread_id());
  std::atomic<bool> alone{true};
  FollowingServer server(follower_, [&, turn = 0]() mutable { return alone || ++turn % 2 == 0 ? lone : 1; });
  for (int time = 0; time < 3; ++time) {
    alone = true;
    ASSERT_TRUE(until([&] { return scheduled(server.id()).policy == SCHED_IDLE; }));
    alone = false;
    EXPECT_TRUE(until([&] { return scheduled(server.id()) == usual_; }, 100ms));
  }
}

// While threads vouch for each other it wakes a few times in a while, not at every tick: whom it wakes beside moves.
TEST_F(FuseCallerFollower, SleepsWhileAllIsWell) {
  FollowingServer server(follower_,
                         [caller = static_cast<std::uint32_t>(sys::thread_id())] { return caller; });
  ASSERT_TRUE(until([&] { return scheduled(server.id()).policy == SCHED_IDLE; }));
  unsigned fewest = 1000;
  for (int time = 0; time < 10; ++time) {  // others may want the processors now and then
    const std::uint64_t before = follower_.looks();
    std::this_thread::sleep_for(CallerFollower::kTick * 25);
    fewest = std::min(fewest, static_cast<unsigned>(follower_.looks() - before));
  }
  EXPECT_LE(fewest, 6U);
}

TEST_F(FuseCallerFollower, LeavesWhoServesSeveralCallersWhereItIs) {
  const std::uint64_t before = follower_.count();
  FollowingServer server(follower_, [caller = std::uint32_t{1}]() mutable { return caller = 3 - caller; });
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(follower_.count(), before);
  EXPECT_EQ(scheduled(server.id()), usual_);
}

TEST_F(FuseCallerFollower, LeavesThreadsWhereTheyAreWhenTheyServeOneCallerEach) {
  const std::uint64_t before = follower_.count();
  std::vector<std::unique_ptr<FollowingServer>> servers;
  servers.reserve(3);
  for (std::uint32_t caller = 1; caller <= 3; ++caller) {
    servers.push_back(std::make_unique<FollowingServer>(follower_, [caller] { return caller; }));
  }
  std::this_thread::sleep_for(50ms);  // the first was alone for a moment
  const std::uint64_t together = follower_.count();
  std::this_thread::sleep_for(200ms);
  EXPECT_EQ(follower_.count(), together);
  EXPECT_LE(together, before + 2);
}

TEST_F(FuseCallerFollower, WhoDoesNotGetItsWorkDoneCompetesAgain) {
  std::atomic<unsigned long> idle{0};
  std::vector<std::unique_ptr<Loop>> others;
  const auto caller = static_cast<std::uint32_t>(sys::thread_id());
  FollowingServer server(follower_, [caller] { return caller; });
  ASSERT_TRUE(until([&] { return scheduled(server.id()).policy == SCHED_IDLE; }));
  const std::uint64_t before = follower_.count();
  others.reserve(static_cast<std::size_t>(usual_.processors) * 2);
  for (int count = 0; count < usual_.processors * 2; ++count) {
    others.push_back(std::make_unique<Loop>([] {}, [&] { idle.fetch_add(1, std::memory_order_relaxed); }));
  }
  EXPECT_TRUE(until([&] { return scheduled(server.id()).policy == SCHED_OTHER; }));
  std::this_thread::sleep_for(1s);
  EXPECT_LE(follower_.count() - before, 40U) << "it is not tried all the time";
}

TEST_F(FuseCallerFollower, StopPutsBack) {
  FollowingServer server(follower_,
                         [caller = static_cast<std::uint32_t>(sys::thread_id())] { return caller; });
  ASSERT_TRUE(until([&] { return scheduled(server.id()).policy == SCHED_IDLE; }));
  follower_.stop();
  EXPECT_EQ(scheduled(server.id()), usual_);
}

}  // namespace
}  // namespace aufs::fuse
