// SPDX-License-Identifier: MIT
// Copying behind the writer: the set of ranges, and the copy that is not complete yet.
#include "union/partial_copy.h"

#include <fcntl.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <thread>

#include "scratch.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"

namespace aufs {
namespace {

using test::bytes;
using test::Scratch;

// --- ranges

TEST(RangeSetTest, AgreesWithABitmap) {
  constexpr off_t kSize = 200;
  std::mt19937 random(5);
  const auto below = [&random](off_t limit) {
    return static_cast<off_t>(random() % static_cast<unsigned>(limit));
  };
  for (int round = 0; round < 50; ++round) {
    RangeSet set;
    std::vector<bool> bits(kSize, false);
    for (int step = 0; step < 100; ++step) {
      const off_t begin = below(kSize);
      const Range range{begin, std::min<off_t>(kSize, begin + below(30))};
      const bool adds = random() % 2 == 0;
      if (adds) set.add(range);
      else set.remove(range);
      for (off_t at = range.begin; at < range.end; ++at) bits[static_cast<std::size_t>(at)] = adds;
      ASSERT_EQ(set.size(), std::count(bits.begin(), bits.end(), true));
      for (off_t at = 0; at < kSize; ++at) {
        const auto first = std::find(bits.begin() + at, bits.end(), true);
        const std::optional<Range> next = set.next(at);
        ASSERT_EQ(next.has_value(), first != bits.end());
        if (!next) continue;
        ASSERT_EQ(next->begin, first - bits.begin());
        ASSERT_EQ(next->end, std::find(first, bits.end(), false) - bits.begin());
      }
      std::size_t runs = 0;
      for (std::size_t i = 0; i < bits.size(); ++i) runs += bits[i] && (i == 0 || !bits[i - 1]) ? 1 : 0;
      ASSERT_EQ(set.count(), runs);
      ASSERT_EQ(set.empty(), runs == 0);
    }
  }
}

// --- a copy that is not complete

class PartialCopyTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 3 * 1024 * 1024 + 17;

  // Random bytes with a hole from 1 MiB to 2 MiB.
  void SetUp() override {
    scratch.dir("rw");
    scratch.dir("ro");
    model.resize(kSize);
    std::mt19937 random(1);
    for (char& c : model) c = static_cast<char>(random());
    const std::size_t hole = 1024 * 1024;
    std::fill_n(model.begin() + static_cast<std::ptrdiff_t>(hole), hole, '\0');
    UniqueFd file = *sys::open_at(AT_FDCWD, scratch.at("ro/f").c_str(), O_CREAT | O_RDWR, 0644);
    ASSERT_TRUE(sys::pwrite(file.get(), bytes(model).first(hole), 0));
    ASSERT_TRUE(sys::pwrite(file.get(), bytes(model).subspan(2 * hole), static_cast<off_t>(2 * hole)));
    lower = *sys::stat_fd(file.get());
    Refusal refusal;
    auto branches = open_branches(
        {{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm("ro")}}, {}, refusal);
    ASSERT_TRUE(branches);
    engine = std::make_unique<Engine>(*std::move(branches), UnionOptions{});
    auto staged = StagedFile::create(*engine, 0, engine->branch(0).root.get(), 0600);
    ASSERT_TRUE(staged);
    auto missing = PartialCopy::data_of(file.get(), lower.st_size);
    ASSERT_TRUE(missing && *missing);
    has_holes = (*missing)->size() < lower.st_size;
    if (!PartialCopy::reserve(staged->fd(), lower.st_size, **missing)) GTEST_SKIP() << "no fallocate(2) here";
    copy =
        std::make_unique<PartialCopy>(std::move(file), *std::move(staged), lower, 1, 0, **std::move(missing));
  }
  std::string read(off_t offset, std::size_t size) {
    std::string text(size, '\0');
    const auto n = copy->read(std::as_writable_bytes(std::span(text)), offset);
    EXPECT_TRUE(n);
    text.resize(n ? *n : 0);
    return text;
  }
  void write(off_t offset, const std::string& text) {
    const auto n = copy->write(bytes(text), offset);
    ASSERT_TRUE(n);
    ASSERT_EQ(*n, text.size());
    const auto at = static_cast<std::size_t>(offset);
    if (at + text.size() > model.size()) model.resize(at + text.size());
    std::copy(text.begin(), text.end(), model.begin() + offset);
  }
  std::string content() {
    std::string text(model.size() + 1, '\0');
    const auto n = sys::pread(copy->fd(), std::as_writable_bytes(std::span(text)), 0);
    text.resize(n ? *n : 0);
    return text;
  }
  Scratch scratch;
  std::unique_ptr<Engine> engine;
  struct stat lower {};
  bool has_holes = false;
  std::string model;
  std::unique_ptr<PartialCopy> copy;
};

TEST_F(PartialCopyTest, IsAtAnyMomentWhatWasWrittenOverTheOriginal) {
  std::mt19937 random(7);
  for (int step = 0; step < 400; ++step) {
    const auto offset = static_cast<off_t>(random() % (kSize + 5000));
    write(offset, std::string(1 + random() % 9000, static_cast<char>(random())));
    const std::size_t at = random() % model.size();
    const std::size_t size = 1 + random() % 200'000;
    ASSERT_EQ(read(static_cast<off_t>(at), size), model.substr(at, size));
    if (step % 100 == 99) {
      ASSERT_TRUE(copy->copy_some());
    }
    ASSERT_EQ(static_cast<std::size_t>(copy->show()->st_size), model.size());
  }
  ASSERT_TRUE(copy->complete());
  EXPECT_TRUE(content() == model);
}

bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

TEST_F(PartialCopyTest, TimesAreThoseOfTheLastWrite) {
  const auto shown = [&] { return copy->show()->st_mtim; };
  ::usleep(20'000);
  ASSERT_TRUE(*copy->copy_some());
  EXPECT_TRUE(same(shown(), lower.st_mtim));
  write(10, "x");
  const timespec written = shown();
  EXPECT_FALSE(same(written, lower.st_mtim));
  ASSERT_TRUE(copy->write({}, 0));
  ::usleep(20'000);
  ASSERT_TRUE(copy->complete());
  EXPECT_TRUE(same(shown(), written));
  EXPECT_TRUE(same(sys::stat_fd(copy->fd())->st_mtim, written));
  EXPECT_TRUE(same(sys::stat_fd(copy->fd())->st_atim, lower.st_atim));
  // From now on it is as any file.
  ::usleep(20'000);
  write(0, "y");
  EXPECT_FALSE(same(shown(), written));
}

TEST_F(PartialCopyTest, TimesThatAreSetStay) {
  const auto set = [&](const SetAttr& change) {
    ASSERT_TRUE(copy->change(change, [&](const Place& place) {
      const struct timespec times[2] = {change.atime.value_or(timespec{0, UTIME_OMIT}),
                                        change.mtime.value_or(timespec{0, UTIME_OMIT})};
      return sys::utimens_at(place.fd, place.leaf(), times);
    }));
  };
  SetAttr access;
  access.atime = {5, 6};
  SetAttr modification;
  modification.mtime = {7, 8};
  SetAttr now;
  now.mtime = {0, UTIME_NOW};
  set(access);
  EXPECT_TRUE(same(copy->show()->st_mtim, lower.st_mtim));
  ASSERT_TRUE(*copy->copy_some());
  set(modification);
  ASSERT_TRUE(*copy->copy_some());
  EXPECT_TRUE(same(copy->show()->st_atim, {5, 6}));
  EXPECT_TRUE(same(copy->show()->st_mtim, {7, 8}));
  write(10, "x");
  EXPECT_FALSE(same(copy->show()->st_mtim, {7, 8}));
  set(modification);
  ASSERT_TRUE(copy->complete());
  EXPECT_TRUE(same(copy->show()->st_mtim, {7, 8}));
  EXPECT_TRUE(same(sys::stat_fd(copy->fd())->st_mtim, {7, 8}));
  EXPECT_TRUE(same(sys::stat_fd(copy->fd())->st_atim, {5, 6}));
  set(now);
  EXPECT_GT(copy->show()->st_mtim.tv_sec, 1000);
}

TEST_F(PartialCopyTest, TellsWhereDataAndHolesAre) {
  if (!has_holes) GTEST_SKIP() << "no holes here";
  constexpr off_t kMiB = 1024 * 1024;
  for (int copied = 0; copied < 3; ++copied) {
    EXPECT_EQ(*copy->seek(5, SEEK_DATA), 5);
    EXPECT_EQ(*copy->seek(5, SEEK_HOLE), kMiB);
    EXPECT_EQ(*copy->seek(kMiB + 5, SEEK_HOLE), kMiB + 5);
    EXPECT_EQ(*copy->seek(kMiB, SEEK_DATA), 2 * kMiB);
    EXPECT_EQ(*copy->seek(2 * kMiB, SEEK_HOLE), static_cast<off_t>(kSize));
    EXPECT_TRUE(failed_with(copy->seek(kSize, SEEK_HOLE), ENXIO));
    EXPECT_TRUE(failed_with(copy->seek(kSize, SEEK_DATA), ENXIO));
    ASSERT_TRUE(copy->copy_some());
  }
  ASSERT_TRUE(copy->complete());
  EXPECT_EQ(*copy->seek(0, SEEK_HOLE), kMiB);
}

TEST_F(PartialCopyTest, ManySmallWritesKeepFewRanges) {
  // A byte every 256: more pieces than are kept.
  for (off_t at = 0; at < 3 * 1024 * 1024; at += 256) write(at, "x");
  ASSERT_EQ(read(0, kSize + 1), model);
  ASSERT_TRUE(copy->complete());
  EXPECT_TRUE(content() == model);
}

TEST_F(PartialCopyTest, ReadersWritersAndCopyingAtOnce) {
  std::vector<std::thread> threads;
  // Each writer has bytes of its own, so that what has to be there is known.
  constexpr off_t kWriters = 4;
  for (off_t id = 0; id < kWriters; ++id) {
    threads.emplace_back([&, id] {
      std::mt19937 random(static_cast<unsigned>(id));
      for (int step = 0; step < 300; ++step) {
        const off_t at = (static_cast<off_t>(random() % (kSize / 16)) / kWriters * kWriters + id) * 16;
        if (at + 16 > static_cast<off_t>(kSize)) continue;
        const std::string text(16, static_cast<char>('a' + id));
        ASSERT_TRUE(copy->write(bytes(text), at));
        std::string back(16, '\0');
        ASSERT_TRUE(copy->read(std::as_writable_bytes(std::span(back)), at));
        ASSERT_EQ(back, text);
      }
    });
  }
  for (int i = 0; i < 2; ++i) threads.emplace_back([&] { ASSERT_TRUE(copy->complete()); });
  for (std::thread& thread : threads) thread.join();
  for (off_t id = 0; id < kWriters; ++id) {
    std::mt19937 random(static_cast<unsigned>(id));
    for (int step = 0; step < 300; ++step) {
      const off_t at = (static_cast<off_t>(random() % (kSize / 16)) / kWriters * kWriters + id) * 16;
      if (at + 16 <= static_cast<off_t>(kSize))
        model.replace(static_cast<std::size_t>(at), 16, 16, static_cast<char>('a' + id));
    }
  }
  EXPECT_TRUE(content() == model);
}

}  // namespace
}  // namespace aufs
