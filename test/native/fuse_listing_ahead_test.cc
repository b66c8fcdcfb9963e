// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "find_path.h"
#include "fuse/listing_ahead.h"
#include "scratch.h"

namespace aufs::fuse {
namespace {

using namespace std::chrono_literals;
using test::Scratch;

constexpr int kDirectories = 12;

// `d0`, `d1`, … in the lower branch, each with two files and a directory.
class FuseListingAhead : public testing::Test {
 protected:
  void SetUp() override {
    scratch.dir("rw/d2");
    scratch.file("rw/d2/above", "upper");
    for (int i = 0; i < kDirectories; ++i) {
      const std::string at = "ro/d" + std::to_string(i);
      scratch.file(at + "/f0", "one");
      scratch.file(at + "/f1", "three");
      scratch.dir(at + "/s");
    }
    open({});
  }
  void open(const UnionOptions& options) {
    nodes.reset();
    fs.reset();
    auto opened = UnionFs::open(
        {{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm("ro+wh")}}, options, nullptr);
    ASSERT_TRUE(opened);
    fs = *std::move(opened);
    nodes.emplace(*fs);
    ids.clear();
    told.clear();
    for (int i = 0; i < kDirectories; ++i) {
      const std::string name = "d" + std::to_string(i);
      ids.push_back(nodes->remember(found(name).node));
      told.push_back({name, ids.back()});
    }
  }
  Found found(const std::string& path) {
    const Result<Found> at = test::find_path(*fs, path);
    EXPECT_TRUE(at) << path;
    return at ? *at : Found{};
  }
  // Lists the directories of these numbers and, a while later, the last one. What was prepared of it; another time if that takes longer than thought.
  PreparedListing after(const std::vector<std::size_t>& listed, std::size_t last, bool enabled = true) {
    for (const auto wait : {20ms, 100ms, 300ms}) {
      ListingAhead ahead(*fs, *nodes, enabled);
      ahead.told(told);
      for (const std::size_t number : listed) EXPECT_TRUE(ahead.listed(ids[number]).entries.empty());
      std::this_thread::sleep_for(wait);
      PreparedListing prepared = ahead.listed(ids[last]);
      if (!prepared.entries.empty()) return prepared;
    }
    return {};
  }

  Scratch scratch;
  std::unique_ptr<UnionFs> fs;
  std::optional<NodeTable> nodes;
  std::vector<std::uint64_t> ids;
  std::vector<ToldDirectory> told;
};

TEST_F(FuseListingAhead, KnowsTheDirectoryAfterTwoInOrder) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor";
  PreparedListing prepared = after({0, 1}, 2);
  const Result<std::vector<DirEntry>> entries = fs->readdir(found("d2").node);
  ASSERT_TRUE(entries);
  ASSERT_EQ(prepared.entries.size(), 4U);
  for (std::size_t place = 0; place < entries->size(); ++place) {
    const DirEntry& entry = (*entries)[place];
    const Found* const known = prepared.at(place, entry);
    ASSERT_NE(known, nullptr) << entry.name;
    const Found now = found("d2/" + entry.name);
    EXPECT_EQ(known->node, now.node);
    EXPECT_EQ(known->attr.st.st_ino, now.attr.st.st_ino);
    EXPECT_EQ(known->attr.st.st_size, now.attr.st.st_size);
    EXPECT_EQ(fs->still_holds(*known), entry.name[0] == 'f') << entry.name;
  }
  EXPECT_EQ(prepared.at(entries->size(), (*entries)[0]), nullptr);
  EXPECT_EQ(prepared.at(0, (*entries)[1]), nullptr);
}

// "d0", "d1", "d10", "d11", "d2", …
TEST_F(FuseListingAhead, KnowsTheOrderOfNamesToo) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor";
  EXPECT_FALSE(after({0, 1, 10}, 11).entries.empty());
  EXPECT_FALSE(after({0, 1, 10, 11}, 2).entries.empty());
  EXPECT_FALSE(after({0, 1, 2, 3}, 4).entries.empty());
}

TEST_F(FuseListingAhead, PassesOverAFew) {
  if (std::thread::hardware_concurrency() < 2) GTEST_SKIP() << "one processor";
  EXPECT_FALSE(after({0, 3, 5}, 6).entries.empty());
}

TEST_F(FuseListingAhead, DoesNotGuess) {
  EXPECT_TRUE(after({0}, 1).entries.empty()) << "one is no order";
  EXPECT_TRUE(after({0, 7}, 8).entries.empty()) << "too far";
  EXPECT_TRUE(after({0, 1}, 3).entries.empty()) << "another than the next";
  EXPECT_TRUE(after({5, 4, 3}, 2).entries.empty()) << "backwards";
  EXPECT_TRUE(after({0, 1}, 2, false).entries.empty()) << "switched off";
}

TEST_F(FuseListingAhead, LeavesLargeDirectoriesAlone) {
  for (std::size_t i = 0; i < ListingAhead::kMostEntries; ++i) {
    scratch.file("ro/d2/more" + std::to_string(i), "");
  }
  open({});
  EXPECT_TRUE(after({0, 1}, 2).entries.empty());
}

TEST_F(FuseListingAhead, WhatIsOldIsDropped) {
  ListingAhead ahead(*fs, *nodes, true);
  ahead.told(told);
  ahead.listed(ids[0]);
  ahead.listed(ids[1]);
  std::this_thread::sleep_for(ListingAhead::kGood + 100ms);
  EXPECT_TRUE(ahead.listed(ids[2]).entries.empty());
}

TEST_F(FuseListingAhead, AForgottenDirectoryIsNobodysConcern) {
  for (const std::uint64_t id : ids) nodes->forget(id, 1);
  EXPECT_TRUE(after({0, 1}, 2).entries.empty());
}

TEST_F(FuseListingAhead, WhatWasFoundHoldsUntilItIsChanged) {
  const auto holds_after = [&](const std::string& name, const std::function<void(const NodePtr&)>& change) {
    const NodePtr dir = found("d3").node;
    const Found before = found("d3/" + name);
    EXPECT_TRUE(fs->still_holds(before));
    change(dir);
    return fs->still_holds(before);
  };
  EXPECT_TRUE(holds_after("f0", [](const NodePtr&) {}));
  EXPECT_TRUE(
      holds_after("f0", [&](const NodePtr&) { ASSERT_TRUE(fs->open(found("d3/f0").node, O_RDONLY)); }));
  EXPECT_FALSE(holds_after("f0", [&](const NodePtr&) {
    SetAttr mode;
    mode.mode = 0600;
    ASSERT_TRUE(fs->setattr(found("d3/f0").node, mode));
  }));
  EXPECT_FALSE(holds_after("f1", [&](const NodePtr& dir) { ASSERT_TRUE(fs->unlink(dir, "f1")); }));
  EXPECT_FALSE(fs->still_holds(found("d3/s"))) << "directories change with what is in them";
  EXPECT_FALSE(fs->still_holds(found("d2/above"))) << "writable";
  UnionOptions edited;
  edited.revalidate = true;
  open(edited);
  EXPECT_FALSE(fs->still_holds(found("d4/f0")));
}

}  // namespace
}  // namespace aufs::fuse
