// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/xattr.h>

#include "layer/copy_tree.h"
#include "scratch.h"

namespace aufs::layer {
namespace {

using test::Scratch;

class CopyTree : public testing::Test {
 protected:
  void SetUp() override {
    scratch.dir("from");
    scratch.dir("to");
  }
  CopyTreeOutcome copy() {
    auto copied = copy_tree(scratch.at("from"), scratch.at("to"));
    EXPECT_TRUE(copied) << copied.error().syscall << " " << copied.error().code;
    return copied ? *copied : CopyTreeOutcome{};
  }
  Scratch scratch;
};

TEST_F(CopyTree, ContentModeTimesAndLinks) {
  scratch.file("from/d/a", "content");
  std::filesystem::permissions(scratch.at("from/d/a"), std::filesystem::perms(04751));
  std::filesystem::create_hard_link(scratch.at("from/d/a"), scratch.at("from/b"));
  std::filesystem::create_symlink("nowhere", scratch.at("from/l"));
  ASSERT_EQ(0, ::mkfifo(scratch.at("from/p").c_str(), 0600));
  const struct timespec times[2] = {{100, 1}, {200, 2}};
  for (const char* name : {"from/d/a", "from/d", "from/l", "from"}) {
    ASSERT_EQ(0, ::utimensat(AT_FDCWD, scratch.at(name).c_str(), times, AT_SYMLINK_NOFOLLOW));
  }

  EXPECT_EQ(copy().bytes, 7U);

  EXPECT_EQ(scratch.content("to/d/a"), "content");
  EXPECT_EQ(scratch.stat("to/d/a").st_mode, scratch.stat("from/d/a").st_mode);
  EXPECT_EQ(scratch.stat("to/d/a").st_ino, scratch.stat("to/b").st_ino);
  EXPECT_EQ(std::filesystem::read_symlink(scratch.at("to/l")), "nowhere");
  EXPECT_TRUE(S_ISFIFO(scratch.stat("to/p").st_mode));
  for (const char* name : {"to/d/a", "to/d", "to/l", "to"}) {
    EXPECT_EQ(scratch.stat(name).st_mtim.tv_sec, 200) << name;
    EXPECT_EQ(scratch.stat(name).st_mtim.tv_nsec, 2) << name;
  }
}

TEST_F(CopyTree, WhiteoutsComeAlongAndHousekeepingDoesNot) {
  scratch.file("from/.wh..wh.aufs", "");
  scratch.file("from/.wh..wh.plnk/1", "");
  scratch.file("from/.wh..wh..opq", "");
  std::filesystem::create_hard_link(scratch.at("from/.wh..wh.aufs"), scratch.at("from/.wh.a"));
  std::filesystem::create_hard_link(scratch.at("from/.wh..wh.aufs"), scratch.at("from/.wh.b"));
  copy();
  EXPECT_TRUE(scratch.exists("to/.wh.a") && scratch.exists("to/.wh.b") && scratch.exists("to/.wh..wh..opq"));
  EXPECT_FALSE(scratch.exists("to/.wh..wh.aufs") || scratch.exists("to/.wh..wh.plnk"));
}

TEST_F(CopyTree, HolesStayHoles) {
  scratch.file("from/sparse", "");
  std::filesystem::resize_file(scratch.at("from/sparse"), 64 << 20);
  copy();
  EXPECT_EQ(scratch.stat("to/sparse").st_size, 64 << 20);
  EXPECT_LE(scratch.stat("to/sparse").st_blocks, 16);
}

TEST_F(CopyTree, ExtendedAttributes) {
  scratch.file("from/a", "x");
  if (::setxattr(scratch.at("from/a").c_str(), "user.k", "v", 1, 0) != 0) GTEST_SKIP() << "no xattrs here";
  copy();
  char value[8] = {};
  EXPECT_EQ(1, ::getxattr(scratch.at("to/a").c_str(), "user.k", value, sizeof value));
  EXPECT_STREQ(value, "v");
}

TEST_F(CopyTree, FailsWhereTheTargetHasTheName) {
  scratch.file("from/a", "x");
  scratch.file("to/a", "mine");
  const auto copied = copy_tree(scratch.at("from"), scratch.at("to"));
  ASSERT_FALSE(copied);
  EXPECT_EQ(copied.error().code, EEXIST);
  EXPECT_EQ(scratch.content("to/a"), "mine");
}

TEST_F(CopyTree, ADirectoryReplacedByASymlinkIsNotEntered) {
  scratch.file("outside/secret", "x");
  std::filesystem::create_directory_symlink(scratch.at("outside"), scratch.at("from/d"));
  copy();
  EXPECT_TRUE(S_ISLNK(scratch.stat("to/d").st_mode));
}

}  // namespace
}  // namespace aufs::layer
