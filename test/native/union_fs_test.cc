// SPDX-License-Identifier: MIT
#include "union/union_fs.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <span>
#include <thread>

#include "find_path.h"
#include "scratch.h"

namespace aufs {
namespace {

using test::Scratch;

// A union of `rw` over `ro1` over `ro2` in a scratch directory, with path helpers.
class UnionFsTest : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"rw", "ro1", "ro2"}) scratch.dir(name);
  }
  void open(UnionOptions options = {}) {
    fs.reset();
    options.on_copy_up = [this](const CopyUpEvent& event) { copy_ups.push_back(event); };
    auto opened = UnionFs::open({{scratch.at("rw"), *parse_perm("rw")},
                                 {scratch.at("ro1"), *parse_perm("ro+wh")},
                                 {scratch.at("ro2"), *parse_perm("ro+wh")}},
                                options, nullptr);
    ASSERT_TRUE(opened) << std::strerror(opened.error().code);
    fs = *std::move(opened);
  }
  Result<Found> find(const std::string& path) { return test::find_path(*fs, path); }
  NodePtr node(const std::string& path) {
    auto found = find(path);
    EXPECT_TRUE(found) << path;
    return found ? found->node : nullptr;
  }
  int error_of(const std::string& path) {
    auto found = find(path);
    return found ? 0 : found.error().code;
  }
  std::vector<std::string> list(const std::string& path) {
    std::vector<std::string> names;
    auto entries = fs->readdir(path.empty() ? fs->root() : node(path));
    EXPECT_TRUE(entries);
    for (const DirEntry& entry : *entries) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    return names;
  }
  void append(const std::string& path, const std::string& text) {
    auto file = fs->open(node(path), O_WRONLY | O_APPEND);
    ASSERT_TRUE(file);
    ASSERT_TRUE(fs->write(*file, std::as_bytes(std::span(text)), -1));
  }
  std::string read(const std::string& path) {
    auto file = fs->open(node(path), O_RDONLY);
    EXPECT_TRUE(file);
    return file ? read(*file) : "";
  }
  std::string read(const OpenFilePtr& file) {
    std::string text(4096, '\0');
    auto n = fs->read(file, std::as_writable_bytes(std::span(text)), 0);
    EXPECT_TRUE(n);
    text.resize(n ? *n : 0);
    return text;
  }
  const Caller me{::geteuid(), ::getegid()};
  Scratch scratch;
  std::vector<CopyUpEvent> copy_ups;
  std::unique_ptr<UnionFs> fs;
};

using Names = std::vector<std::string>;

TEST_F(UnionFsTest, UpperHidesLowerAndDirectoriesMerge) {
  scratch.file("rw/a", "new");
  scratch.file("ro1/a", "old");
  scratch.file("ro1/d/x", "1");
  scratch.file("ro2/d/y", "2");
  scratch.file("ro2/d/x", "hidden");
  open();
  EXPECT_EQ(read("a"), "new");
  EXPECT_EQ(read("d/x"), "1");
  EXPECT_EQ(read("d/y"), "2");
  EXPECT_EQ(list(""), (Names{"a", "d"}));
  EXPECT_EQ(list("d"), (Names{"x", "y"}));
}

TEST_F(UnionFsTest, WhiteoutsAndOpaqueDirectories) {
  scratch.file("ro1/.wh.gone", "");
  scratch.file("ro2/gone", "x");
  scratch.file("ro1/o/.wh..wh..opq", "");
  scratch.file("ro1/o/mine", "x");
  scratch.file("ro2/o/theirs", "x");
  open();
  EXPECT_EQ(error_of("gone"), ENOENT);
  EXPECT_EQ(list("o"), (Names{"mine"}));
  EXPECT_EQ(error_of(".wh.gone"), EPERM);
}

TEST_F(UnionFsTest, FirstWriteCopiesUpAndOpenReadersFollow) {
  scratch.file("ro1/d/f", "lower");
  open();
  auto reader = fs->open(node("d/f"), O_RDONLY);
  ASSERT_TRUE(reader);
  const auto before = find("d/f");
  append("d/f", "+w");
  EXPECT_EQ(read(*reader), "lower+w");
  EXPECT_EQ(find("d/f")->attr.st.st_ino, before->attr.st.st_ino);
  EXPECT_EQ(scratch.content("rw/d/f"), "lower+w");
  EXPECT_EQ(scratch.content("ro1/d/f"), "lower");
  ASSERT_EQ(copy_ups.size(), 2U);
  EXPECT_EQ(copy_ups[1].path, "d/f");
  EXPECT_EQ(copy_ups[1].bytes, 5U);
}

TEST_F(UnionFsTest, OpeningForWritingAloneCopiesNothing) {
  scratch.file("ro1/f", "lower");
  open();
  { ASSERT_TRUE(fs->open(node("f"), O_RDWR)); }
  EXPECT_FALSE(scratch.exists("rw/f"));
  { ASSERT_TRUE(fs->open(node("f"), O_WRONLY | O_TRUNC)); }
  EXPECT_EQ(scratch.content("rw/f"), "");
  EXPECT_EQ(copy_ups.at(0).bytes, 0U);
}

TEST_F(UnionFsTest, UnlinkLeavesAWhiteoutOnlyWhereSomethingIsBelow) {
  scratch.file("ro1/low", "x");
  scratch.file("rw/up", "x");
  scratch.file("rw/both", "x");
  scratch.file("ro2/both", "y");
  open();
  for (const char* name : {"low", "up", "both"}) EXPECT_TRUE(fs->unlink(fs->root(), name));
  EXPECT_TRUE(scratch.exists("rw/.wh.low"));
  EXPECT_FALSE(scratch.exists("rw/.wh.up"));
  EXPECT_TRUE(scratch.exists("rw/.wh.both"));
  EXPECT_FALSE(scratch.exists("rw/both"));
  EXPECT_EQ(list(""), Names{});
  EXPECT_EQ(scratch.stat("rw/.wh.low").st_mode & 07777, 0444U);
  EXPECT_EQ(scratch.stat("rw/.wh.low").st_ino, scratch.stat("rw/.wh..wh.aufs").st_ino);
}

TEST_F(UnionFsTest, DirectoryMadeOverAWhiteoutIsOpaque) {
  scratch.file("ro1/d/x", "x");
  open();
  EXPECT_TRUE(failed_with(fs->rmdir(fs->root(), "d"), ENOTEMPTY));
  EXPECT_TRUE(fs->unlink(node("d"), "x"));
  EXPECT_TRUE(fs->rmdir(fs->root(), "d"));
  EXPECT_FALSE(scratch.exists("rw/d"));
  EXPECT_TRUE(fs->mkdir(fs->root(), "d", 0755, me));
  EXPECT_TRUE(scratch.exists("rw/d/.wh..wh..opq"));
  EXPECT_FALSE(scratch.exists("rw/.wh.d"));
  EXPECT_EQ(list("d"), Names{});
  open();
  EXPECT_EQ(list("d"), Names{});
}

TEST_F(UnionFsTest, RenameOfFilesKeepsInodeAndHidesTheOldName) {
  scratch.file("ro1/a", "A");
  scratch.file("ro1/b", "B");
  open();
  const auto ino = find("a")->attr.st.st_ino;
  EXPECT_TRUE(fs->rename(fs->root(), "a", fs->root(), "b", 0));
  EXPECT_EQ(read("b"), "A");
  EXPECT_EQ(find("b")->attr.st.st_ino, ino);
  EXPECT_EQ(error_of("a"), ENOENT);
  EXPECT_TRUE(scratch.exists("rw/.wh.a"));
  EXPECT_TRUE(fs->rename(fs->root(), "b", fs->root(), "a", 0));
  EXPECT_FALSE(scratch.exists("rw/.wh.a"));
  EXPECT_TRUE(scratch.exists("rw/.wh.b"));
  open();
  EXPECT_EQ(list(""), (Names{"a"}));
  EXPECT_EQ(read("a"), "A");
}

TEST_F(UnionFsTest, RenameOfALowerDirectoryLeavesAPlainLayer) {
  scratch.file("ro1/d/s/x", "1");
  scratch.file("ro2/d/y", "2");
  scratch.file("ro2/e/z", "3");
  open();
  const NodePtr inside = node("d/s");
  EXPECT_TRUE(failed_with(fs->rename(fs->root(), "d", fs->root(), "e", 0), ENOTEMPTY));
  EXPECT_TRUE(fs->unlink(node("e"), "z"));
  EXPECT_TRUE(fs->rename(fs->root(), "d", fs->root(), "e", 0));
  EXPECT_EQ(list("e"), (Names{"s", "y"}));
  EXPECT_EQ(read("e/s/x"), "1");
  EXPECT_EQ(*fs->path_of(inside), "e/s");
  EXPECT_TRUE(scratch.exists("rw/.wh.d"));
  EXPECT_TRUE(fs->unlink(node("e/s"), "x"));
  EXPECT_EQ(list("e/s"), Names{});
  open();
  EXPECT_EQ(list(""), (Names{"e"}));
  EXPECT_EQ(list("e"), (Names{"s", "y"}));
  EXPECT_EQ(list("e/s"), Names{});
}

TEST_F(UnionFsTest, WithoutDirrenAMergedDirectoryIsRefused) {
  scratch.file("ro1/d/x", "1");
  scratch.dir("ro1/empty");
  UnionOptions options;
  options.dirren = false;
  open(options);
  EXPECT_TRUE(failed_with(fs->rename(fs->root(), "d", fs->root(), "e", 0), EXDEV));
  EXPECT_TRUE(fs->rename(fs->root(), "empty", fs->root(), "e", 0));
}

TEST_F(UnionFsTest, HardLinksOfALowerFileStayOneFile) {
  scratch.file("ro1/a", "data");
  ASSERT_EQ(0, ::link(scratch.at("ro1/a").c_str(), scratch.at("ro1/b").c_str()));
  ASSERT_EQ(0, ::link(scratch.at("ro1/a").c_str(), scratch.at("ro1/c").c_str()));
  open();
  append("a", "+");
  EXPECT_EQ(read("b"), "data+");
  EXPECT_EQ(find("a")->attr.st.st_ino, find("c")->attr.st.st_ino);
  EXPECT_EQ(find("b")->attr.st.st_nlink, 3U);
  open();
  EXPECT_EQ(read("c"), "data+");
  EXPECT_EQ(find("a")->attr.st.st_ino, find("b")->attr.st.st_ino);
  EXPECT_EQ(find("a")->attr.st.st_nlink, 3U);
  EXPECT_TRUE(fs->unlink(fs->root(), "a"));
  EXPECT_EQ(find("b")->attr.st.st_nlink, 2U);
  EXPECT_TRUE(fs->rename(fs->root(), "c", fs->root(), "c2", 0));
  EXPECT_EQ(find("c2")->attr.st.st_nlink, 2U);
  EXPECT_TRUE(fs->unlink(fs->root(), "b"));
  EXPECT_EQ(find("c2")->attr.st.st_nlink, 1U);
  EXPECT_EQ(read("c2"), "data+");
}

TEST_F(UnionFsTest, WritingToAHardLinkWhoseOtherNameWasUnlinkedWhileOpen) {
  for (const bool through_the_open_file : {false, true}) {
    for (const char* dir : {"rw", "ro1"}) std::filesystem::remove_all(scratch.at(dir));
    for (const char* dir : {"rw", "ro1"}) scratch.dir(dir);
    scratch.file("ro1/a", "data");
    ASSERT_EQ(0, ::link(scratch.at("ro1/a").c_str(), scratch.at("ro1/b").c_str()));
    ASSERT_EQ(0, ::link(scratch.at("ro1/a").c_str(), scratch.at("ro1/c").c_str()));
    open();
    {
      auto file = fs->open(node("a"), O_RDWR | O_APPEND);
      ASSERT_TRUE(file);
      EXPECT_TRUE(fs->unlink(fs->root(), "a"));
      const std::string plus = "+";
      if (through_the_open_file) {
        EXPECT_TRUE(fs->write(*file, std::as_bytes(std::span(plus)), -1));
      } else {
        append("b", plus);
      }
      EXPECT_EQ(read(*file), "data+");
      EXPECT_EQ(read("b"), "data+");
      EXPECT_EQ(find("c")->attr.st.st_nlink, 2U);
    }
    EXPECT_EQ(read("c"), "data+");
    open();
    EXPECT_EQ(read("c"), "data+");
    EXPECT_EQ(read("b"), "data+");
    EXPECT_EQ(find("b")->attr.st.st_ino, find("c")->attr.st.st_ino);
    EXPECT_TRUE(fs->flush_hard_links());
    EXPECT_EQ(scratch.content("rw/c"), "data+");
    fs.reset();
  }
}

TEST_F(UnionFsTest, LinkOfALowerFileMakesTheNewNameOnly) {
  scratch.file("ro1/a", "a");
  open();
  EXPECT_TRUE(fs->link(node("a"), fs->root(), "a2"));
  EXPECT_FALSE(scratch.exists("rw/a"));
  EXPECT_TRUE(scratch.exists("rw/a2"));
  EXPECT_EQ(find("a")->attr.st.st_nlink, 2U);
  append("a2", "+w");
  EXPECT_EQ(read("a"), "a+w");
  EXPECT_TRUE(fs->flush_hard_links());
  EXPECT_EQ(scratch.stat("rw/a").st_ino, scratch.stat("rw/a2").st_ino);
}

TEST_F(UnionFsTest, UnlinkedOpenFilesLiveOn) {
  scratch.file("ro1/low", "lower");
  scratch.file("rw/up", "upper");
  open();
  for (const char* name : {"low", "up"}) {
    auto file = fs->open(node(name), O_RDWR);
    const NodePtr open_node = node(name);
    EXPECT_TRUE(fs->unlink(fs->root(), name));
    const std::string text = "W";
    EXPECT_TRUE(fs->write(*file, std::as_bytes(std::span(text)), 0));
    EXPECT_EQ(read(*file).substr(0, 2), name == std::string("low") ? "Wo" : "Wp");
    EXPECT_EQ(fs->getattr(open_node)->st.st_nlink, 0U);
    SetAttr chmod;
    chmod.mode = 0600;
    EXPECT_TRUE(fs->setattr(open_node, chmod));
  }
  EXPECT_FALSE(scratch.exists("rw/low"));
}

TEST_F(UnionFsTest, AFileIsRemovedWhenItsLastLinkWent) {
  scratch.file("ro1/low", "low");
  scratch.file("ro1/one", "linked");
  std::filesystem::create_hard_link(scratch.at("ro1/one"), scratch.at("ro1/other"));
  scratch.file("rw/up", "up");
  scratch.file("rw/first", "linked");
  std::filesystem::create_hard_link(scratch.at("rw/first"), scratch.at("rw/second"));
  open();
  for (const char* name : {"low", "up"}) {
    const NodePtr file = node(name);
    EXPECT_FALSE(UnionFs::is_removed(file));
    ASSERT_TRUE(fs->unlink(fs->root(), name));
    EXPECT_TRUE(UnionFs::is_removed(file));
    EXPECT_EQ(fs->getattr(file)->st.st_nlink, 0U);
  }
  // Names that nobody looked up count too.
  for (const char* name : {"one", "first"}) {
    const NodePtr file = node(name);
    ASSERT_TRUE(fs->unlink(fs->root(), name));
    EXPECT_FALSE(UnionFs::is_removed(file));
    EXPECT_EQ(fs->getattr(file)->st.st_nlink, 1U);
  }
  const NodePtr last = node("second");
  ASSERT_TRUE(fs->unlink(fs->root(), "second"));
  EXPECT_TRUE(UnionFs::is_removed(last));
}

TEST_F(UnionFsTest, SmallDataOfAReadOnlyBranchIsGivenUntilItIsWritten) {
  scratch.file("ro1/low", "low");
  scratch.file("rw/up", "up");
  open();
  std::array<std::byte, 8> room{};
  const auto data = [&](const OpenFilePtr& file) {
    const auto got = fs->small_lower_data(file, room);
    return std::string(reinterpret_cast<const char*>(got.data()), got.size());
  };
  const OpenFilePtr low = *fs->open(node("low"), O_RDONLY);
  EXPECT_EQ(data(low), "low");
  EXPECT_TRUE(fs->small_lower_data(low, std::span(room).first(2)).empty());
  EXPECT_EQ(data(*fs->open(node("up"), O_RDONLY)), "");
  bool called = false;
  fs->while_lower(low, [&] { called = true; });
  EXPECT_TRUE(called);
  ASSERT_TRUE(fs->copy_up(node("low")));
  fs->while_lower(low, [] { FAIL() << "it is in the writable branch now"; });
  EXPECT_EQ(data(low), "");
}

TEST_F(UnionFsTest, TwoWritersOfOneBranchAreRefused) {
  open();
  Refusal refusal;
  auto second = UnionFs::open({{scratch.at("rw"), *parse_perm("rw")}}, {}, &refusal);
  EXPECT_TRUE(failed_with(second, EBUSY));
  EXPECT_EQ(refusal.branch, 0);
}

TEST_F(UnionFsTest, BadStacksAreRefused) {
  scratch.dir("ro1/inside");
  Refusal refusal;
  const BranchPerm ro = *parse_perm("ro");
  EXPECT_TRUE(
      failed_with(UnionFs::open({{scratch.at("ro1"), ro}, {scratch.at("nope"), ro}}, {}, &refusal), ENOENT));
  EXPECT_EQ(refusal.branch, 1);
  EXPECT_TRUE(failed_with(
      UnionFs::open({{scratch.at("ro1"), ro}, {scratch.at("ro1/inside"), ro}}, {}, &refusal), EINVAL));
  EXPECT_EQ(refusal.branch, 1);
  EXPECT_EQ(refusal.overlap, "lies in branch '" + scratch.at("ro1") + "'");
  EXPECT_TRUE(
      failed_with(UnionFs::open({{scratch.at("ro1"), ro}, {scratch.at("ro1"), ro}}, {}, &refusal), EINVAL));
  EXPECT_EQ(refusal.branch, 1);
  EXPECT_EQ(refusal.overlap, "is branch '" + scratch.at("ro1") + "' as well");
  EXPECT_TRUE(failed_with(UnionFs::open({}, {}, &refusal), EINVAL));
  EXPECT_EQ(refusal.branch, -1);
  EXPECT_EQ(refusal.overlap, "");
}

TEST_F(UnionFsTest, NoBranchContainsOrLiesInTheMountpoint) {
  scratch.dir("ro1/inside");
  scratch.dir("ro2");
  const std::vector<BranchSpec> branches{{scratch.at("ro2"), *parse_perm("ro")},
                                         {scratch.at("ro1/inside"), *parse_perm("ro")}};
  struct Row {
    const char* apart;
    const char* overlap;  // null: none
  };
  for (const Row& row : {Row{"rw", nullptr}, Row{"ro1", "lies in"}, Row{"ro1/inside", "contains"}}) {
    UnionOptions options;
    options.apart = scratch.at(row.apart);
    Refusal refusal;
    const auto opened = UnionFs::open(branches, options, &refusal);
    ASSERT_EQ(static_cast<bool>(opened), row.overlap == nullptr) << row.apart;
    if (opened) continue;
    EXPECT_EQ(refusal.branch, 1);
    EXPECT_EQ(refusal.overlap, std::string(row.overlap) + " the mountpoint '" + options.apart + "'");
  }
  UnionOptions options;
  scratch.dir("ro2/mnt");
  options.apart = scratch.at("ro2/mnt");
  Refusal refusal;
  EXPECT_TRUE(failed_with(UnionFs::open(branches, options, &refusal), EINVAL));
  EXPECT_EQ(refusal.branch, 0);
  EXPECT_EQ(refusal.overlap, "contains the mountpoint '" + options.apart + "'");
}

TEST_F(UnionFsTest, EightAppendersCauseOneCopyUp) {
  scratch.file("ro1/f", "");
  scratch.file("ro1/f", std::string(100'000, 'x'));
  open();
  std::vector<std::thread> threads;
  const std::string line(100, 'y');
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      auto file = fs->open(node("f"), O_WRONLY | O_APPEND);
      for (int k = 0; k < 50; ++k) ASSERT_TRUE(fs->write(*file, std::as_bytes(std::span(line)), -1));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(find("f")->attr.st.st_size, 100'000 + 8 * 50 * 100);
  EXPECT_EQ(copy_ups.size(), 1U);
}

TEST_F(UnionFsTest, ReadOnlyUnionRefusesEveryChange) {
  scratch.file("ro1/f", "x");
  UnionOptions options;
  options.read_only = true;
  open(options);
  EXPECT_TRUE(failed_with(fs->unlink(fs->root(), "f"), EROFS));
  EXPECT_TRUE(failed_with(fs->mkdir(fs->root(), "d", 0755, me), EROFS));
  EXPECT_TRUE(failed_with(fs->open(node("f"), O_RDWR), EROFS));
  EXPECT_TRUE(failed_with(fs->rename(fs->root(), "f", fs->root(), "g", 0), EROFS));
  EXPECT_TRUE(fs->create(fs->root(), "f", O_RDONLY, 0644, me));
}

TEST_F(UnionFsTest, ManyNamesUnderASmallCache) {
  for (int i = 0; i < 50; ++i) {
    for (int k = 0; k < 20; ++k) scratch.file("ro1/d" + std::to_string(i) + "/f" + std::to_string(k), "x");
  }
  UnionOptions options;
  options.max_cached_names = 100;
  options.max_open_dirs = 8;
  open(options);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 50; ++i) append("d" + std::to_string(i) + "/f7", "y");
  }
  EXPECT_EQ(scratch.content("rw/d49/f7"), "xyyy");
}

}  // namespace
}  // namespace aufs
