// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "find_path.h"
#include "fuse/files_ahead.h"
#include "scratch.h"

namespace aufs::fuse {
namespace {

using namespace std::chrono_literals;
using test::Scratch;

// No connection: what is told there goes nowhere.
constexpr int kNoDevice = -1;
constexpr int kFiles = 20;

std::string file_name(const std::string& directory, int number) {
  return directory + "/f" + std::to_string(number);
}

// Directories `a`, `b` and `c` of a lower branch, with small files each.
class FuseFilesAhead : public testing::Test {
 protected:
  void SetUp() override {
    if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor";
    scratch.dir("rw");
    for (const char* directory : {"a", "b", "c"}) {
      for (int i = 0; i < kFiles; ++i)
        scratch.file("ro/" + file_name(directory, i), "data " + std::to_string(i));
    }
    open("ro+wh", {});
  }
  void open(const std::string& perm, const UnionOptions& options, bool enabled = true) {
    ahead.reset();
    modes.reset();
    nodes.reset();
    fs.reset();
    auto opened = UnionFs::open(
        {{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm(perm)}}, options, nullptr);
    ASSERT_TRUE(opened);
    fs = *std::move(opened);
    nodes.emplace(*fs);
    modes.emplace(nullptr, "not here");
    ahead.emplace(*fs, *nodes, *modes, enabled);
  }
  Found found(const std::string& path) {
    const Result<Found> at = test::find_path(*fs, path);
    EXPECT_TRUE(at) << path;
    return at ? *at : Found{};
  }
  std::vector<std::uint64_t> ids_of(const std::string& directory) {
    std::vector<std::uint64_t> ids;
    for (int i = 0; i < kFiles; ++i) ids.push_back(nodes->remember(found(file_name(directory, i)).node));
    return ids;
  }
  // Whoever is told of `a` opens so many files of it.
  void begin(int opened) {
    const std::vector<std::uint64_t> ids = ids_of("a");
    ahead->told(kNoDevice, ids);
    for (int i = 0; i < opened; ++i) ahead->opened(ids[static_cast<std::size_t>(i)]);
  }
  // And is told of `b` then. The nodeids of that.
  std::vector<std::uint64_t> walk(int opened) {
    begin(opened);
    const std::vector<std::uint64_t> ids = ids_of("b");
    ahead->told(kNoDevice, ids);
    return ids;
  }
  // The file, when it is ready, or after a while.
  OpenFilePtr wait_for(std::uint64_t id, std::chrono::milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      OpenFilePtr file = ahead->ready(id);
      if (file != nullptr || std::chrono::steady_clock::now() >= deadline) return file;
      std::this_thread::sleep_for(1ms);
    }
  }

  // The file, once all that can be ready is.
  OpenFilePtr wait_for_all(std::uint64_t id) {
    OpenFilePtr file = wait_for(id, 5s);
    while (!ahead->is_idle()) std::this_thread::sleep_for(1ms);
    return file;
  }

  Scratch scratch;
  std::unique_ptr<UnionFs> fs;
  std::optional<NodeTable> nodes;
  std::optional<IoModes> modes;
  std::optional<FilesAhead> ahead;
};

TEST_F(FuseFilesAhead, OpensAllOfTheNextDirectory) {
  const std::vector<std::uint64_t> ids = walk(kFiles);
  for (int i = kFiles; --i >= 0;) {
    const std::uint64_t id = ids[static_cast<std::size_t>(i)];
    const OpenFilePtr file = wait_for(id, 5s);
    ASSERT_NE(file, nullptr) << i;
    EXPECT_EQ(UnionFs::node_of(file), nodes->get(id));
    std::array<std::byte, 100> into;
    const Result<std::size_t> got = fs->read(file, into, 0);
    ASSERT_TRUE(got);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(into.data()), *got), "data " + std::to_string(i));
    EXPECT_FALSE(nodes->is_first_open(id)) << "its data was given";
  }
}

TEST_F(FuseFilesAhead, GoesOnWhileWhatIsReadyIsOpened) {
  for (const std::uint64_t id : walk(kFiles)) {
    ASSERT_NE(wait_for(id, 5s), nullptr);
    ahead->opened(id);
  }
  const std::vector<std::uint64_t> ids = ids_of("c");
  ahead->told(kNoDevice, ids);
  EXPECT_NE(wait_for(ids.back(), 5s), nullptr);
}

TEST_F(FuseFilesAhead, OneFileThatIsOpenedAgainAndAgainIsNoWalk) {
  const std::vector<std::uint64_t> a = ids_of("a");
  ahead->told(kNoDevice, a);
  for (int i = 0; i < kFiles; ++i) ahead->opened(a.front());
  const std::vector<std::uint64_t> b = ids_of("b");
  ahead->told(kNoDevice, b);
  EXPECT_EQ(wait_for(b.front(), 100ms), nullptr);
}

// The kernel asks neither for names nor for attributes or data.
TEST_F(FuseFilesAhead, OpensThoseOfADirectoryThatIsKnownFromBefore) {
  begin(kFiles);
  const std::vector<std::uint64_t> ids = ids_of("b");
  ahead->listed_again(kNoDevice, found("b").node);
  for (const std::uint64_t id : ids) {
    const OpenFilePtr file = wait_for(id, 5s);
    ASSERT_NE(file, nullptr);
    EXPECT_EQ(UnionFs::node_of(file), nodes->get(id));
    EXPECT_TRUE(nodes->is_first_open(id)) << "its data was not given";
  }
}

// What is told of that way counts, too: the next are not opened any more.
TEST_F(FuseFilesAhead, DoesNothingMoreForWhoeverOnlyListsAgain) {
  begin(kFiles);
  const std::vector<std::uint64_t> b = ids_of("b");
  const std::vector<std::uint64_t> c = ids_of("c");
  for (int round = 0; round < 2; ++round) {
    ahead->listed_again(kNoDevice, found("b").node);
    EXPECT_NE(wait_for_all(b.back()), nullptr);
    ahead->drop(b.back());
  }
  ahead->listed_again(kNoDevice, found("c").node);
  EXPECT_EQ(wait_for(c.front(), 100ms), nullptr);
}

TEST_F(FuseFilesAhead, OfADirectoryFromBeforeOnlySmallLowerFilesThatAreKnown) {
  scratch.file("ro/b/large", std::string(kSmallFile + 1, 'x'));
  scratch.file("rw/b/above", "upper");
  open("ro+wh", {});
  begin(kFiles);
  const std::uint64_t large = nodes->remember(found("b/large").node);
  const std::uint64_t above = nodes->remember(found("b/above").node);
  const std::uint64_t last = nodes->remember(found(file_name("b", kFiles - 1)).node);
  const NodePtr forgotten = found("b/f0").node;
  nodes->forget(nodes->remember(forgotten), 1);
  ahead->listed_again(kNoDevice, found("b").node);
  EXPECT_NE(wait_for_all(last), nullptr);
  EXPECT_EQ(ahead->ready(large), nullptr);
  EXPECT_EQ(ahead->ready(above), nullptr);
  EXPECT_EQ(nodes->find(forgotten), 0U);
}

TEST_F(FuseFilesAhead, OpensNothingAgainWhereThatCopiesUp) {
  begin(kFiles);
  open("ro+wh+coo_all", {});
  ahead->told(kNoDevice, ids_of("a"));
  for (const std::uint64_t id : ids_of("a")) ahead->opened(id);
  const std::vector<std::uint64_t> ids = ids_of("b");
  ahead->listed_again(kNoDevice, found("b").node);
  EXPECT_EQ(wait_for(ids.front(), 100ms), nullptr);
  EXPECT_FALSE(std::filesystem::exists(scratch.at("rw/b/f0")));
}

TEST_F(FuseFilesAhead, DoesNothingForWhoeverOnlyLists) {
  EXPECT_EQ(wait_for(walk(kFiles / 2 - 1).front(), 100ms), nullptr);
}

TEST_F(FuseFilesAhead, StopsWhenNobodyComes) {
  for (int round = 0; round < 3; ++round) walk(round == 0 ? kFiles : 0);
  const std::vector<std::uint64_t> ids = ids_of("c");
  ahead->told(kNoDevice, ids);
  EXPECT_EQ(wait_for(ids.front(), 100ms), nullptr);
}

TEST_F(FuseFilesAhead, DoesNothingWhenSwitchedOff) {
  open("ro+wh", {}, false);
  EXPECT_FALSE(ahead->is_suitable(found("a/f0")));
  EXPECT_EQ(wait_for(walk(kFiles).front(), 100ms), nullptr);
}

TEST_F(FuseFilesAhead, IsForSmallLowerFilesThatStayThere) {
  scratch.file("ro/empty", "");
  scratch.file("ro/largest", std::string(kSmallFile, 'x'));
  scratch.file("ro/larger", std::string(kSmallFile + 1, 'x'));
  scratch.file("ro/two", "names");
  std::filesystem::create_hard_link(scratch.at("ro/two"), scratch.at("ro/names"));
  scratch.file("rw/above", "upper");
  std::filesystem::create_symlink("above", scratch.at("ro/link"));
  open("ro+wh", {});
  EXPECT_TRUE(ahead->is_suitable(found("a/f0")));
  EXPECT_TRUE(ahead->is_suitable(found("largest")));
  for (const char* other : {"empty", "larger", "two", "names", "above", "link", "a"}) {
    EXPECT_FALSE(ahead->is_suitable(found(other))) << other;
  }
  ASSERT_TRUE(fs->copy_up(found("a/f0").node));
  EXPECT_FALSE(ahead->is_suitable(found("a/f0")));
  open("ro+wh+coo_all", {});
  EXPECT_FALSE(ahead->is_suitable(found("a/f1"))) << "opening it copies it up";
  UnionOptions options;
  options.revalidate = true;
  open("ro+wh", options);
  EXPECT_FALSE(ahead->is_suitable(found("a/f1")));
}

TEST_F(FuseFilesAhead, WhatWasCopiedUpMeanwhileIsReadFromTheCopy) {
  const std::uint64_t id = walk(kFiles)[0];
  const OpenFilePtr file = wait_for(id, 5s);
  ASSERT_NE(file, nullptr);
  const Result<OpenFilePtr> writer = fs->open(nodes->get(id), O_WRONLY);
  ASSERT_TRUE(writer);
  ASSERT_TRUE(fs->write(*writer, std::as_bytes(std::span("DATA", 4)), 0));
  std::array<std::byte, 100> into;
  const Result<std::size_t> got = fs->read(ahead->ready(id), into, 0);
  ASSERT_TRUE(got);
  EXPECT_EQ(std::string(reinterpret_cast<const char*>(into.data()), *got), "DATA 0");
}

TEST_F(FuseFilesAhead, IsDroppedByOneAndAll) {
  const std::vector<std::uint64_t> ids = walk(kFiles);
  ASSERT_NE(wait_for(ids[0], 5s), nullptr);
  ASSERT_NE(wait_for(ids.back(), 5s), nullptr);
  ahead->drop(ids[0]);
  EXPECT_EQ(ahead->ready(ids[0]), nullptr);
  EXPECT_NE(ahead->ready(ids[1]), nullptr);
  ahead->drop_all();
  EXPECT_EQ(ahead->ready(ids[1]), nullptr);
  StackChange change;
  EXPECT_TRUE(fs->remove_branch(scratch.at("rw"), {}, change)) << "nothing is open";
}

// While the thread works, too.
TEST_F(FuseFilesAhead, NothingIsOpenAfterDropAll) {
  for (int round = 0; round < 20; ++round) {
    open("ro+wh", {});
    walk(kFiles);
    std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
    ahead->drop_all();
    StackChange change;
    EXPECT_TRUE(fs->change_branch(scratch.at("ro"), *parse_perm("rr"), change));
    EXPECT_TRUE(fs->remove_branch(scratch.at("ro"), {}, change)) << round;
  }
}

TEST_F(FuseFilesAhead, WhatNobodyOpensIsClosedAfterAWhile) {
  const std::uint64_t id = walk(kFiles)[0];
  ASSERT_NE(wait_for(id, 5s), nullptr);
  std::this_thread::sleep_for(FilesAhead::kGood + 200ms);
  EXPECT_EQ(ahead->ready(id), nullptr);
}

TEST_F(FuseFilesAhead, ForgottenFilesAreNobodysConcern) {
  begin(kFiles);
  const std::vector<std::uint64_t> ids = ids_of("b");
  for (const std::uint64_t id : ids) nodes->forget(id, 1);
  ahead->told(kNoDevice, ids);
  EXPECT_EQ(wait_for(ids.front(), 50ms), nullptr);
}

}  // namespace
}  // namespace aufs::fuse
