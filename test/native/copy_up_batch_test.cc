// SPDX-License-Identifier: MIT
// Several copy_ups in one call.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "find_path.h"
#include "scratch.h"
#include "sys/attributes.h"

namespace aufs {
namespace {

using test::Scratch;

class CopyUpBatchTest : public testing::Test {
 protected:
  static constexpr int kFiles = 150;  // several batches in one directory

  void SetUp() override {
    scratch.dir("rw");
    for (const char* dir : {"d", "e/deep"}) {
      for (int i = 0; i < kFiles; ++i) scratch.file(lower(dir, i), content(i));
    }
    open(false);
  }
  void open(bool durable) {
    fs.reset();
    UnionOptions options;
    options.sync_copy_up = durable;
    options.on_copy_up = [this](const CopyUpEvent& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    };
    auto opened = UnionFs::open(
        {{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm("ro+wh")}}, options, nullptr);
    ASSERT_TRUE(opened);
    fs = *std::move(opened);
  }
  static std::string lower(const std::string& dir, int number) {
    return "ro/" + dir + "/f" + std::to_string(number);
  }
  static std::string content(int number) {
    return std::string(static_cast<std::size_t>(number) * 10, 'x') + std::to_string(number);
  }
  NodePtr node(const std::string& path) {
    const Result<Found> found = test::find_path(*fs, path);
    EXPECT_TRUE(found) << path;
    return found ? found->node : nullptr;
  }
  std::vector<NodePtr> nodes_of(const std::string& dir) {
    std::vector<NodePtr> nodes;
    for (int i = 0; i < kFiles; ++i) nodes.push_back(node(dir + "/f" + std::to_string(i)));
    return nodes;
  }
  // What happened, and in `places` who is there.
  Status copy_up(const std::vector<NodePtr>& nodes, std::size_t most = SIZE_MAX) {
    places.clear();
    return fs->copy_up(nodes, [&](std::size_t place) {
      places.push_back(place);
      return places.size() < most;
    });
  }
  // True if `done` was told of the first `count`, in their order.
  bool are_first(std::size_t count) const {
    bool in_order = places.size() == count;
    for (std::size_t i = 0; i < places.size(); ++i) in_order = in_order && places[i] == i;
    return in_order;
  }
  void expect_copied(const std::string& dir, int number) {
    const std::string path = dir + "/f" + std::to_string(number);
    EXPECT_EQ(scratch.content("rw/" + path), content(number)) << path;
    EXPECT_EQ(scratch.stat("rw/" + path).st_mtim.tv_nsec, scratch.stat("ro/" + path).st_mtim.tv_nsec) << path;
  }

  Scratch scratch;
  std::mutex mutex;
  std::vector<CopyUpEvent> events;
  std::vector<std::size_t> places;
  std::unique_ptr<UnionFs> fs;
};

TEST_F(CopyUpBatchTest, CopiesAllInTheirOrder) {
  for (const bool durable : {false, true}) {
    std::filesystem::remove_all(scratch.at("rw"));
    scratch.dir("rw");
    open(durable);
    events.clear();
    std::vector<NodePtr> nodes = nodes_of("d");
    const std::vector<NodePtr> more = nodes_of("e/deep");
    nodes.insert(nodes.begin() + kFiles / 2, more.begin(), more.end());
    ASSERT_TRUE(copy_up(nodes));
    EXPECT_TRUE(are_first(nodes.size()));
    for (int i = 0; i < kFiles; ++i) {
      expect_copied("d", i);
      expect_copied("e/deep", i);
    }
    EXPECT_EQ(events.size(), nodes.size() + 3) << "and three directories";
    EXPECT_TRUE(!scratch.exists("rw/.wh..wh.orph") ||
                std::filesystem::is_empty(scratch.at("rw/.wh..wh.orph")));
    EXPECT_EQ(fs->readdir(node("d"))->size(), static_cast<std::size_t>(kFiles));
  }
}

TEST_F(CopyUpBatchTest, KeepsTheTimesOfTheDirectory) {
  const struct timespec times[2] = {{1000, 1}, {2000, 2}};
  ASSERT_EQ(::utimensat(AT_FDCWD, scratch.at("ro/d").c_str(), times, 0), 0);
  ASSERT_TRUE(copy_up(nodes_of("d")));
  const struct stat st = scratch.stat("rw/d");
  EXPECT_EQ(st.st_mtim.tv_sec, 2000);
  EXPECT_EQ(st.st_mtim.tv_nsec, 2);
  EXPECT_EQ(fs->getattr(node("d"))->st.st_mtim.tv_sec, 2000);
}

TEST_F(CopyUpBatchTest, WhatCannotBeTogetherIsCopiedByItself) {
  scratch.file("ro/d/large", std::string(1 << 20, 'l'));
  scratch.file("ro/d/linked", "two names");
  std::filesystem::create_hard_link(scratch.at("ro/d/linked"), scratch.at("ro/d/other"));
  std::filesystem::create_symlink("f0", scratch.at("ro/d/symlink"));
  ASSERT_EQ(::mkfifo(scratch.at("ro/d/fifo").c_str(), 0600), 0);
  scratch.dir("ro/d/sub");
  scratch.file("rw/d/above", "is there already");
  open(false);
  const NodePtr first = node("d/f0");
  const std::vector<NodePtr> nodes{first,        node("d/large"), node("d/f1"),      node("d/linked"),
                                   node("d/f2"), node("d/other"), node("d/symlink"), node("d/fifo"),
                                   node("d/f3"), node("d/sub"),   node("d/above"),   first,
                                   node("d/f4"), node("d/f4"),    fs->root()};
  ASSERT_TRUE(copy_up(nodes));
  EXPECT_TRUE(are_first(nodes.size()));
  for (int i = 0; i < 5; ++i) expect_copied("d", i);
  EXPECT_EQ(scratch.stat("rw/d/large").st_size, 1 << 20);
  EXPECT_EQ(scratch.content("rw/d/linked"), "two names");
  EXPECT_EQ(node("d/linked"), node("d/other"));
  EXPECT_TRUE(S_ISLNK(scratch.stat("rw/d/symlink").st_mode));
  EXPECT_TRUE(S_ISFIFO(scratch.stat("rw/d/fifo").st_mode));
  EXPECT_TRUE(S_ISDIR(scratch.stat("rw/d/sub").st_mode));
}

TEST_F(CopyUpBatchTest, TheFirstThatFailsEndsIt) {
  for (const int gone : {0, 1, 40, kFiles - 1}) {
    SCOPED_TRACE(gone);
    std::filesystem::remove_all(scratch.at("rw"));
    scratch.dir("rw");
    open(true);
    const std::vector<NodePtr> nodes = nodes_of("d");
    std::filesystem::rename(scratch.at(lower("d", gone)), scratch.at("ro/away"));
    const Status copied = copy_up(nodes);
    ASSERT_FALSE(copied);
    EXPECT_TRUE(copied.error().code == ENOENT || copied.error().code == ESTALE) << copied.error().code;
    EXPECT_TRUE(are_first(static_cast<std::size_t>(gone))) << places.size();
    for (int i = 0; i < gone; ++i) expect_copied("d", i);
    EXPECT_FALSE(scratch.exists("rw/d/f" + std::to_string(kFiles - 1)));
    std::filesystem::rename(scratch.at("ro/away"), scratch.at(lower("d", gone)));
  }
}

TEST_F(CopyUpBatchTest, StopsWhenItIsTold) {
  ASSERT_TRUE(copy_up(nodes_of("d"), 1));
  EXPECT_TRUE(are_first(places.size()));
  EXPECT_LT(places.size(), static_cast<std::size_t>(kFiles));
  for (std::size_t i = 0; i < places.size(); ++i) expect_copied("d", static_cast<int>(i));
  EXPECT_FALSE(scratch.exists("rw/d/f" + std::to_string(places.size())))
      << "what was not told of is not there";
}

TEST_F(CopyUpBatchTest, AFileThatIsOpenFollows) {
  const std::vector<NodePtr> nodes = nodes_of("d");
  const Result<OpenFilePtr> file = fs->open(nodes[7], O_RDWR);
  ASSERT_TRUE(file);
  ASSERT_TRUE(copy_up(nodes));
  ASSERT_TRUE(fs->write(*file, std::as_bytes(std::span("new", 3)), 0));
  EXPECT_EQ(scratch.content("rw/d/f7").substr(0, 3), "new");
  EXPECT_EQ(scratch.content(lower("d", 7)), content(7));
}

// Each has files that another waits for, in another order, and somebody writes, makes and moves names there.
TEST_F(CopyUpBatchTest, ThreadsWithTheSameFilesDoNotWaitForEachOther) {
  std::vector<NodePtr> nodes = nodes_of("d");
  std::vector<NodePtr> backwards(nodes.rbegin(), nodes.rend());
  std::vector<NodePtr> mixed = nodes;
  for (std::size_t i = 0; i < mixed.size(); ++i) std::swap(mixed[i], mixed[i * 71 % mixed.size()]);
  std::atomic<int> failed{0};
  const auto copy = [&](const std::vector<NodePtr>& of) {
    std::size_t told = 0;
    const Status done = fs->copy_up(of, [&](std::size_t) { return ++told > 0; });
    if (!done || told != of.size()) ++failed;
  };
  std::vector<std::thread> threads;
  for (const auto* of : {&nodes, &backwards, &mixed}) threads.emplace_back([&copy, of] { copy(*of); });
  threads.emplace_back([&] {
    const NodePtr dir = node("d");
    for (int i = 0; i < kFiles; i += 3) {
      const Result<OpenFilePtr> file = fs->open(nodes[static_cast<std::size_t>(i)], O_WRONLY);
      if (!file || !fs->write(*file, std::as_bytes(std::span("w", 1)), 0)) ++failed;
      if (!fs->create(dir, "new" + std::to_string(i), O_WRONLY, 0644, {0, 0})) ++failed;
      const std::string name = "f" + std::to_string(i + 1);
      if (!fs->rename(dir, name, dir, "moved" + std::to_string(i + 1), 0)) ++failed;
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(failed, 0);
  for (int i = 0; i < kFiles; ++i) {
    const std::string name = i % 3 == 1 ? "moved" + std::to_string(i) : "f" + std::to_string(i);
    const std::string expected = i % 3 == 0 ? "w" + content(i).substr(1) : content(i);
    EXPECT_EQ(scratch.content("rw/d/" + name), expected) << name;
  }
}

}  // namespace
}  // namespace aufs
