// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <cstring>

#include "layer/changes.h"
#include "scratch.h"

namespace aufs::layer {
namespace {

using test::Scratch;
using Lines = std::vector<std::string>;

// A layer `diff` on the parents `p1` and `p2`; every directory has the same times unless a test moves them.
class LayerChanges : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* name : {"diff", "p1", "p2"}) scratch.dir(name);
  }

  Lines changes() {
    settle_times();
    auto found = find_changes(scratch.at("diff"), {scratch.at("p1"), scratch.at("p2")});
    if (!found) return {std::strerror(found.error().code)};
    Lines lines;
    for (const Change& change : *found)
      lines.push_back(std::string(1, static_cast<char>(change.kind)) + " " + change.path);
    return lines;
  }

  void settle_times() {
    const struct timespec times[2] = {{1'000'000'000, 5}, {1'000'000'000, 5}};
    for (const auto& entry : std::filesystem::recursive_directory_iterator(scratch.at("."))) {
      ::utimensat(AT_FDCWD, entry.path().c_str(), times, AT_SYMLINK_NOFOLLOW);
    }
  }

  Scratch scratch;
};

TEST_F(LayerChanges, AdditionsAndChanges) {
  scratch.file("p2/d/old", "x");
  scratch.file("diff/d/old", "y");
  scratch.file("diff/d/new", "z");
  EXPECT_EQ(changes(), (Lines{"C /d", "A /d/new", "C /d/old"}));
}

TEST_F(LayerChanges, ADirectoryIsNoChangeIfNothingInItIsAddedOrDeleted) {
  scratch.file("p1/d/e/f", "x");
  scratch.file("diff/d/e/f", "y");
  EXPECT_EQ(changes(), (Lines{"C /d/e/f"}));
}

TEST_F(LayerChanges, ADirectoryWithOtherModeIsAChange) {
  scratch.dir("p1/d");
  scratch.dir("diff/d");
  std::filesystem::permissions(scratch.at("diff/d"), std::filesystem::perms(0700));
  std::filesystem::permissions(scratch.at("p1/d"), std::filesystem::perms(0755));
  EXPECT_EQ(changes(), (Lines{"C /d"}));
}

TEST_F(LayerChanges, AWhiteoutDeletesWhatIsSeenBelow) {
  scratch.file("p2/d/a", "x");
  scratch.file("diff/d/.wh.a", "");
  scratch.file("diff/.wh.never", "");
  EXPECT_EQ(changes(), (Lines{"C /d", "D /d/a"}));
}

TEST_F(LayerChanges, WhiteoutsBetweenParentsCount) {
  scratch.file("p2/a", "x");
  scratch.file("p1/.wh.a", "");
  scratch.file("diff/a", "y");
  scratch.file("p2/b", "x");
  scratch.file("p1/.wh.b", "");
  scratch.file("diff/.wh.b", "");
  EXPECT_EQ(changes(), (Lines{"A /a"}));
}

TEST_F(LayerChanges, AnOpaqueDirectoryBetweenParentsCounts) {
  scratch.file("p2/d/a", "x");
  scratch.file("p1/d/.wh..wh..opq", "");
  scratch.file("diff/d/a", "y");
  EXPECT_EQ(changes(), (Lines{"C /d", "A /d/a"}));
}

TEST_F(LayerChanges, AnOpaqueDirectoryDeletesWhatItDoesNotHaveAgain) {
  scratch.file("p2/d/a", "x");
  scratch.file("p2/d/sub/x", "x");
  scratch.file("p1/d/b", "x");
  scratch.file("diff/d/.wh..wh..opq", "");
  scratch.file("diff/d/a", "y");
  EXPECT_EQ(changes(), (Lines{"C /d", "C /d/a", "D /d/b", "D /d/sub"}));
}

TEST_F(LayerChanges, BelowAnOpaqueDirectoryNothingShowsThroughEither) {
  scratch.file("p1/d/sub/x", "x");
  scratch.file("p1/d/sub/y", "x");
  scratch.file("diff/d/.wh..wh..opq", "");
  scratch.file("diff/d/sub/y", "y");
  EXPECT_EQ(changes(), (Lines{"C /d/sub", "D /d/sub/x", "C /d/sub/y"}));
}

TEST_F(LayerChanges, AFileThatBecomesADirectory) {
  scratch.file("p1/a", "x");
  scratch.file("diff/a/b", "y");
  EXPECT_EQ(changes(), (Lines{"C /a", "A /a/b"}));
}

TEST_F(LayerChanges, ADirectoryThatBecomesAFile) {
  scratch.file("p1/a/b", "x");
  scratch.file("diff/a", "y");
  EXPECT_EQ(changes(), (Lines{"C /a"}));
}

TEST_F(LayerChanges, HousekeepingIsNeverReported) {
  scratch.file("diff/.wh..wh.aufs", "");
  scratch.file("diff/.wh..wh.plnk/1.2", "x");
  scratch.file("diff/.wh..wh.orph/tmp", "x");
  scratch.file("diff/d/.wh..wh.other", "");
  scratch.dir("p1/d");
  EXPECT_EQ(changes(), Lines{});
}

TEST_F(LayerChanges, AMissingParentIsAnError) {
  EXPECT_EQ(find_changes(scratch.at("diff"), {scratch.at("nope")}).error().code, ENOENT);
  EXPECT_EQ(find_changes(scratch.at("nope"), {}).error().code, ENOENT);
}

TEST_F(LayerChanges, SizeCountsEachInodeOnceAndNoDirectory) {
  scratch.file("diff/d/a", "12345");
  std::filesystem::create_hard_link(scratch.at("diff/d/a"), scratch.at("diff/b"));
  scratch.file("diff/c", "123");
  scratch.file("diff/.wh..wh.plnk/x", "not counted");
  EXPECT_EQ(*diff_size(scratch.at("diff")), 8U);
}

}  // namespace
}  // namespace aufs::layer
