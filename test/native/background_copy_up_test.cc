// SPDX-License-Identifier: MIT
// Copying behind the writer: the union around partial copies.
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
#include "union/partial_copy.h"

namespace aufs {
namespace {

using test::bytes;
using test::Scratch;

class BackgroundCopyUpTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 24 * 1024 * 1024;

  void SetUp() override {
    scratch.dir("rw");
    scratch.dir("ro");
    original.resize(kSize);
    std::mt19937 random(2);
    for (std::size_t i = 0; i < kSize; i += 64) original[i] = static_cast<char>(random());
    scratch.file("ro/d/f", original);
    open();
  }
  void open(const char* lower_perm = "ro+wh") {
    fs.reset();
    UnionOptions options;
    options.background_copy_up = 64 * 1024;
    options.on_copy_up = [this](const CopyUpEvent& event) { copy_ups.push_back(event); };
    auto opened =
        UnionFs::open({{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm(lower_perm)}},
                      options, nullptr);
    ASSERT_TRUE(opened);
    fs = *std::move(opened);
    dir = fs->lookup(fs->root(), "d")->node;
    node = fs->lookup(dir, "f")->node;
  }
  OpenFilePtr begin() {
    OpenFilePtr file = *fs->open(node, O_RDWR);
    EXPECT_TRUE(fs->needs_flush(file));
    EXPECT_TRUE(fs->write(file, bytes("new"), 1000));
    expected = original;
    expected.replace(1000, 3, "new");
    return file;
  }
  std::string read(const OpenFilePtr& file) {
    std::string text(kSize + 1, '\0');
    const auto n = fs->read(file, std::as_writable_bytes(std::span(text)), 0);
    text.resize(n ? *n : 0);
    return text;
  }
  Scratch scratch;
  std::string original;
  std::string expected;
  std::vector<CopyUpEvent> copy_ups;
  std::unique_ptr<UnionFs> fs;
  NodePtr dir;
  NodePtr node;
};

TEST_F(BackgroundCopyUpTest, FlushWaitsForTheName) {
  const OpenFilePtr reader = *fs->open(node, O_RDONLY);
  const OpenFilePtr file = begin();
  EXPECT_TRUE(read(reader) == expected);
  ASSERT_TRUE(fs->flush(file));
  EXPECT_TRUE(scratch.content("rw/d/f") == expected);
  EXPECT_TRUE(scratch.content("ro/d/f") == original);
  EXPECT_TRUE(read(reader) == expected);
  ASSERT_EQ(copy_ups.size(), 2U);
  EXPECT_EQ(copy_ups[1].path, "d/f");
  EXPECT_FALSE(fs->getattr(node)->passing);
  ASSERT_TRUE(fs->write(file, bytes("more"), 0));
  EXPECT_EQ(scratch.content("rw/d/f").substr(0, 4), "more");
}

TEST_F(BackgroundCopyUpTest, WhatIsNotFinishedIsDroppedWithTheUnion) {
  { const OpenFilePtr file = begin(); }
  node.reset();
  dir.reset();
  fs.reset();
  if (scratch.exists("rw/d/f")) {
    EXPECT_TRUE(scratch.content("rw/d/f") == expected);
  }
  EXPECT_TRUE(scratch.content("ro/d/f") == original);
}

TEST_F(BackgroundCopyUpTest, EveryOtherCallSeesAWholeFile) {
  const auto check = [&](const char* what, const std::function<bool()>& call, const std::string& path,
                         const std::string& content) {
    fs.reset();
    std::filesystem::remove_all(scratch.at("rw"));
    scratch.dir("rw");
    open();
    const OpenFilePtr file = begin();
    EXPECT_TRUE(call()) << what;
    EXPECT_TRUE(fs->finish_copy_ups()) << what;
    EXPECT_TRUE(scratch.content("rw/" + path) == content) << what;
    EXPECT_TRUE(scratch.content("ro/d/f") == original) << what;
  };
  const std::string cut = [&] {
    std::string text = original;
    text.replace(1000, 3, "new");
    return text.substr(0, 5000);
  }();
  std::string whole = original;
  whole.replace(1000, 3, "new");
  SetAttr chmod;
  chmod.mode = 0600;
  check(
      "chmod", [&] { return bool(fs->setattr(node, chmod)); }, "d/f", whole);
  EXPECT_EQ(scratch.stat("rw/d/f").st_mode & 07777, 0600U);
  SetAttr size;
  size.size = 5000;
  check(
      "truncate", [&] { return bool(fs->setattr(node, size)); }, "d/f", cut);
  check(
      "rename", [&] { return bool(fs->rename(dir, "f", fs->root(), "g", 0)); }, "g", whole);
  EXPECT_TRUE(scratch.exists("rw/d/.wh.f"));
  check(
      "rename of the directory", [&] { return bool(fs->rename(fs->root(), "d", fs->root(), "e", 0)); }, "e/f",
      whole);
  check(
      "link", [&] { return bool(fs->link(node, fs->root(), "g")); }, "g", whole);
  EXPECT_EQ(scratch.stat("rw/g").st_ino, scratch.stat("rw/d/f").st_ino);
  check(
      "setxattr",
      [&] {
        const Status set = fs->setxattr(node, "user.a", "b", 0);
        return set || failed_with(set, EOPNOTSUPP);
      },
      "d/f", whole);
  check(
      "fallocate", [&] { return bool(fs->fallocate(*fs->open(node, O_RDWR), 0, 0, 10)); }, "d/f", whole);
  check(
      "sync", [&] { return bool(fs->sync()) && scratch.exists("rw/d/f"); }, "d/f", whole);
  check(
      "copy from it",
      [&] {
        const OpenFilePtr to = fs->create(fs->root(), "c", O_RDWR, 0644, {::geteuid(), ::getegid()})->file;
        return *fs->copy_range(*fs->open(node, O_RDONLY), 0, to, 0, 5000) == 5000;
      },
      "c", cut);
  StackChange change;
  scratch.dir("more");
  check(
      "a new branch",
      [&] {
        return bool(fs->insert_branch(0, {scratch.at("more"), *parse_perm("ro")}, change));
      },
      "d/f", whole);
  check(
      "O_TRUNC", [&] { return bool(fs->open(node, O_WRONLY | O_TRUNC)); }, "d/f", "");
}

TEST_F(BackgroundCopyUpTest, AnUnlinkedFileGetsNoName) {
  OpenFilePtr file = begin();
  EXPECT_TRUE(fs->unlink(dir, "f"));
  EXPECT_TRUE(read(file) == expected);
  EXPECT_TRUE(fs->write(file, bytes("end"), static_cast<off_t>(kSize)));
  EXPECT_TRUE(fs->flush(file));
  EXPECT_TRUE(fs->fsync(file, false));
  EXPECT_TRUE(read(file) == expected + "e");
  EXPECT_EQ(fs->getattr(node)->st.st_nlink, 0U);
  file.reset();
  EXPECT_TRUE(fs->finish_copy_ups());
  EXPECT_FALSE(scratch.exists("rw/d/f"));
  EXPECT_TRUE(scratch.exists("rw/d/.wh.f"));
}

TEST_F(BackgroundCopyUpTest, HardLinksStayOneFile) {
  ASSERT_EQ(0, ::link(scratch.at("ro/d/f").c_str(), scratch.at("ro/d/g").c_str()));
  open();
  const OpenFilePtr file = begin();
  EXPECT_FALSE(fs->getattr(node)->passing);
  const Found other = *fs->lookup(dir, "g");
  EXPECT_EQ(other.node, node);
  EXPECT_TRUE(fs->unlink(dir, "f"));
  EXPECT_TRUE(fs->flush(file));
  EXPECT_TRUE(fs->finish_copy_ups());
  EXPECT_TRUE(read(*fs->open(fs->lookup(dir, "g")->node, O_RDONLY)) == expected);
  EXPECT_TRUE(fs->flush_hard_links());
  EXPECT_TRUE(scratch.content("rw/d/g") == expected);
}

TEST_F(BackgroundCopyUpTest, SetIdFilesAndSmallOnesAreCopiedAtOnce) {
  ASSERT_EQ(0, ::chmod(scratch.at("ro/d/f").c_str(), 04755));
  scratch.file("ro/d/small", std::string(1000, 'x'));
  open();
  for (const char* name : {"f", "small"}) {
    const NodePtr file = fs->lookup(dir, name)->node;
    EXPECT_TRUE(fs->write(*fs->open(file, O_RDWR), bytes("new"), 0));
    EXPECT_FALSE(fs->getattr(file)->passing);
    EXPECT_TRUE(scratch.exists(std::string("rw/d/") + name));
  }
}

// EEXIST comes from the branch; ESTALE once the union has seen, as it looks once a second, that the name is somebody else's.
template <typename Outcome>
bool name_is_taken(const Outcome& done) {
  return failed_with(done, EEXIST) || failed_with(done, ESTALE);
}

TEST_F(BackgroundCopyUpTest, AnErrorIsToldUntilItCanGoOn) {
  scratch.dir("rw/d");
  open();
  // The name cannot be had: something takes it behind the union.
  scratch.file("rw/d/f", "theirs");
  const OpenFilePtr file = begin();
  EXPECT_TRUE(name_is_taken(fs->flush(file)));
  EXPECT_TRUE(name_is_taken(fs->fsync(file, false)));
  EXPECT_TRUE(name_is_taken(fs->write(file, bytes("x"), 0)));
  EXPECT_TRUE(read(file) == expected);
  EXPECT_TRUE(name_is_taken(fs->finish_copy_ups()));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(failed_with(fs->flush(file), ESTALE));
  EXPECT_EQ(0, ::unlink(scratch.at("rw/d/f").c_str()));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_TRUE(fs->flush(file));
  EXPECT_TRUE(scratch.content("rw/d/f") == expected);
}

TEST_F(BackgroundCopyUpTest, WritersRenamersAndReadersAtOnce) {
  for (int round = 0; round < 5; ++round) {
    fs.reset();
    std::filesystem::remove_all(scratch.at("rw"));
    scratch.dir("rw");
    open();
    const OpenFilePtr file = begin();
    std::vector<std::thread> threads;
    for (int id = 0; id < 2; ++id) {
      threads.emplace_back([&, id] {
        for (int i = 0; i < 200; ++i)
          ASSERT_TRUE(fs->write(file, bytes(std::string(1, static_cast<char>('A' + id))),
                                5000 + 2 * i * 20'000 + id * 20'000));
      });
    }
    threads.emplace_back([&] {
      ASSERT_TRUE(fs->rename(dir, "f", fs->root(), "g", 0));
      ASSERT_TRUE(fs->link(node, dir, "h"));
      ASSERT_TRUE(fs->rename(fs->root(), "d", fs->root(), "e", 0));
    });
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        std::string text(3, '\0');
        ASSERT_TRUE(fs->read(file, std::as_writable_bytes(std::span(text)), 1000));
        ASSERT_EQ(text, "new");
        ASSERT_EQ(fs->getattr(node)->st.st_size, static_cast<off_t>(kSize));
      }
    });
    for (std::thread& thread : threads) thread.join();
    ASSERT_TRUE(fs->flush(file));
    for (int id = 0; id < 2; ++id) {
      for (int i = 0; i < 200; ++i)
        expected[static_cast<std::size_t>(5000 + 2 * i * 20'000 + id * 20'000)] = static_cast<char>('A' + id);
    }
    EXPECT_TRUE(scratch.content("rw/g") == expected);
    EXPECT_EQ(scratch.stat("rw/e/h").st_ino, scratch.stat("rw/g").st_ino);
  }
}

}  // namespace
}  // namespace aufs
