// SPDX-License-Identifier: MIT
// The device is a pipe: it has a request while there is a byte in it.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <thread>

#include "base/unique_fd.h"
#include "fuse/crew.h"
#include "sys/file_io.h"
#include "sys/process_control.h"
#include "until.h"

namespace aufs::fuse {
namespace {

using namespace std::chrono_literals;
using test::until;

constexpr unsigned kHands = 4;
constexpr unsigned kParked = kHands - Crew::kFew;  // where those are enough

// What those that have their turn do with each request, told the number of the hand.
using Work = std::function<void(unsigned)>;

class FuseCrew : public testing::Test {
 protected:
  ~FuseCrew() override { end(); }

  // Each hand takes a byte from the pipe, or goes on asking.
  void serve(Work work, bool parks = true, unsigned processors = 2) {
    Result<sys::Pair> made = sys::make_pipe();
    ASSERT_TRUE(made);
    pipe_ = *std::move(made);
    ASSERT_EQ(::fcntl(pipe_.first.get(), F_SETFL, O_NONBLOCK), 0);
    crew_.emplace(parks, processors);
    crew_->begin(pipe_.first.get());
    work_ = std::move(work);
    for (unsigned number = 0; number < kHands; ++number)
      threads_.emplace_back([this, number] { run(number); });
    if (parks) ASSERT_TRUE(until([this] { return parked() == kParked; }));
  }

  void run(unsigned number) {
    Crew::Hand hand(*crew_);
    while (hand.take_turn()) {
      bool steps_back = false;
      while (!steps_back && !ending_) {
        char byte = 0;
        if (deaf_ || ::read(pipe_.first.get(), &byte, 1) != 1) {
          std::this_thread::sleep_for(50us);
          continue;
        }
        hand.begun();
        work_(number);
        hand.answered();
        ++served_;
        steps_back = hand.step_back();
      }
      if (!steps_back) break;
      ++stepped_back_;
    }
    ++ended_;
  }

  void request(unsigned count = 1) {
    for (unsigned i = 0; i < count; ++i) ASSERT_EQ(::write(pipe_.second.get(), "x", 1), 1);
  }

  void end() {
    ending_ = true;
    if (crew_) crew_->stop();
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
  }

  unsigned parked() const { return crew_->parked(); }
  void hold() const {
    while (holds_ && !ending_) std::this_thread::sleep_for(1ms);
  }

  sys::Pair pipe_;
  std::optional<Crew> crew_;
  Work work_;
  std::atomic<bool> holds_{true};
  std::atomic<unsigned> begun_{0};
  std::atomic<unsigned> last_{0};
  std::atomic<bool> deaf_{false};  // nobody takes a request
  std::atomic<bool> ending_{false};
  std::atomic<unsigned> served_{0};
  std::atomic<unsigned> stepped_back_{0};
  std::atomic<unsigned> ended_{0};
  std::list<std::thread> threads_;
};

// On a busy machine a lookout may find that nobody got a processor in time; then they take turns.
TEST_F(FuseCrew, TheSameTwoServeWhileTheyAreEnough) {
  serve([this](unsigned number) { last_ = number; });
  std::set<unsigned> by;
  unsigned together = 0;  // requests in a row during which nobody can have had a turn
  unsigned turns = 0;
  for (unsigned i = 1; i <= 20'000 && together < 50; ++i) {
    const bool few = parked() == kParked;
    request();
    ASSERT_TRUE(until([&] { return served_ == i; }));
    const unsigned turns_now = stepped_back_;
    if (few && parked() == kParked && turns_now == turns) {
      ++together;
    } else {
      together = 0;
      by.clear();
    }
    turns = turns_now;
    if (together > 1) by.insert(last_);
  }
  EXPECT_EQ(together, 50U);
  EXPECT_LE(by.size(), Crew::kFew);
}

TEST_F(FuseCrew, WhereAllThatServeAreLongAtRequestsTheOthersServe) {
  serve([this](unsigned) {
    if (++begun_ <= Crew::kFew) hold();
  });
  request(Crew::kFew);
  ASSERT_TRUE(until([this] { return parked() == 0; }));
  request(10);
  EXPECT_TRUE(until([this] { return served_ == 10; }));
  holds_ = false;
  EXPECT_TRUE(until([this] { return served_ == 10 + Crew::kFew; }));
}

// Whoever is called last is still there for the next.
TEST_F(FuseCrew, AsManyAsAreLongAtRequestsAreReplaced) {
  serve([this](unsigned) {
    if (++begun_ < kHands) hold();
  });
  request(kHands - 1 + 5);
  EXPECT_TRUE(until([this] { return served_ == 5; }));
  holds_ = false;
  EXPECT_TRUE(until([this] { return served_ == kHands + 4; }));
}

TEST_F(FuseCrew, TheyStepBackAfterwards) {
  serve([this](unsigned) {
    if (++begun_ <= Crew::kFew) hold();
  });
  request(Crew::kFew);
  ASSERT_TRUE(until([this] { return parked() == 0; }));
  holds_ = false;
  EXPECT_TRUE(until([this] {
    request();
    return parked() == kParked;
  }));
  EXPECT_GE(stepped_back_, kParked);
}

// The last that waits for requests stays, though fewer would be asked for.
TEST_F(FuseCrew, NobodyStepsBackWhileTheOthersAreBusy) {
  serve([this](unsigned) {
    if (++begun_ < kHands) hold();
  });
  request(kHands - 1);
  ASSERT_TRUE(until([&] { return begun_ == kHands - 1; }));
  std::this_thread::sleep_for(50ms);  // what they were called for is over
  for (unsigned i = 1; i <= 50; ++i) {
    request();
    ASSERT_TRUE(until([&] { return served_ == i; }));
  }
  EXPECT_EQ(stepped_back_, 0U);
  holds_ = false;
}

TEST_F(FuseCrew, OneThatWaitsForTheDiskHasTheOthersServe) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  serve([file](unsigned) { [[maybe_unused]] const Status flushed = sys::fdatasync(::fileno(file)); });
  request();
  EXPECT_TRUE(until([this] { return served_ == 1; }));
  EXPECT_EQ(parked(), 0U);
  end();
  (void)std::fclose(file);
}

// Whoever asks has been given no processor, say.
TEST_F(FuseCrew, RequestsThatNobodyTakesHaveTheOthersServe) {
  serve([](unsigned) {});
  request();
  ASSERT_TRUE(until([this] { return served_ == 1; }));
  deaf_ = true;
  EXPECT_TRUE(until([this] {
    request();  // one that has just been heard takes the first
    return parked() == 0;
  }));
}

// None is long at a request, but there is always another.
TEST_F(FuseCrew, RequestsThatWaitForALongTimeHaveTheOthersServeWhereProcessorsAreMany) {
  serve([](unsigned) { std::this_thread::sleep_for(200us); }, true, 8);
  request(200);
  // Who has stepped back was called.
  EXPECT_TRUE(until([this] { return parked() == 0 || stepped_back_ != 0; }));
  EXPECT_TRUE(until([this] { return served_ == 200; }));
}

TEST_F(FuseCrew, AllServeWhereNobodyIsToBeParked) {
  serve([](unsigned) {}, false);
  EXPECT_TRUE(until([this] { return parked() == 0; }));
  for (unsigned i = 1; i <= 50; ++i) {
    request();
    ASSERT_TRUE(until([&] { return served_ == i; }));
  }
  EXPECT_EQ(stepped_back_, 0U);
}

TEST_F(FuseCrew, ThoseThatAreParkedEndWhenToldTo) {
  serve([](unsigned) {});
  end();
  EXPECT_EQ(ended_, kHands);
  Crew::Hand late(*crew_);
  EXPECT_FALSE(late.take_turn());
}

// Called and sent back as fast as can be: nobody is lost, every request is answered.
TEST_F(FuseCrew, NoRequestIsLostBetweenTurns) {
  std::FILE* file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  serve([this, file](unsigned) {
    const unsigned number = ++begun_;
    if (number % 64 == 0) [[maybe_unused]]
      const Status flushed = sys::fdatasync(::fileno(file));
    if (number % 97 == 0) std::this_thread::sleep_for(3ms);
    if (number % 250 == 0) std::this_thread::sleep_for(20ms);  // long enough for the others to step back
  });
  for (unsigned i = 1; i <= 2000; ++i) {
    request();
    if (i % 3 == 0) ASSERT_TRUE(until([&] { return served_ == i; })) << i;
  }
  EXPECT_TRUE(until([this] { return served_ == 2000; }));
  EXPECT_LT(parked(), kHands);
  end();
  (void)std::fclose(file);
}

}  // namespace
}  // namespace aufs::fuse
