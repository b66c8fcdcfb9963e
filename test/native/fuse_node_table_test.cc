// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>

#include "find_path.h"
#include "fuse/find_again.h"
#include "fuse/forgotten.h"
#include "fuse/node_table.h"
#include "scratch.h"

namespace aufs::fuse {
namespace {

using test::Scratch;

Forgotten record(std::uint64_t ino, KnownName name = {1, "name"}) {
  return {ino + 1'000'000, ino, std::move(name), {}};
}

TEST(FuseForgotten, IsFoundByInodeNumberAndByNodeid) {
  ForgottenNodes forgotten;
  forgotten.put(record(7));
  ASSERT_NE(forgotten.find(7), nullptr);
  EXPECT_EQ(forgotten.find(7)->name.name, "name");
  ASSERT_NE(forgotten.find_id(1'000'007), nullptr);
  EXPECT_EQ(forgotten.find_id(1'000'007)->ino, 7U);
  forgotten.drop(7);
  EXPECT_EQ(forgotten.find(7), nullptr);
  EXPECT_EQ(forgotten.find_id(1'000'007), nullptr);
}

TEST(FuseForgotten, KeepsTheLatest) {
  ForgottenNodes forgotten;
  constexpr std::uint64_t kMany = 10 * ForgottenNodes::kCapacity;
  for (std::uint64_t ino = 1; ino <= kMany; ++ino) {
    forgotten.put(record(ino));
    if (ino % 3 == 0) forgotten.drop(ino);
  }
  for (std::uint64_t ino = 1; ino <= kMany; ++ino) {
    const bool kept = ino % 3 != 0 && ino > kMany - ForgottenNodes::kCapacity;
    EXPECT_EQ(forgotten.find(ino) != nullptr, kept) << ino;
    EXPECT_EQ(forgotten.find_id(ino + 1'000'000), forgotten.find(ino));
  }
}

TEST(FuseForgotten, WhatIsForgottenAgainStaysLonger) {
  ForgottenNodes forgotten;
  for (std::uint64_t ino = 1; ino <= ForgottenNodes::kCapacity; ++ino) forgotten.put(record(ino));
  forgotten.put(record(1));
  for (std::uint64_t ino = 10'000; ino < 10'010; ++ino) forgotten.put(record(ino));
  EXPECT_NE(forgotten.find(1), nullptr);
  EXPECT_EQ(forgotten.find(2), nullptr);
}

TEST(FuseForgotten, OlderNamesAreKeptBehindTheNewOnes) {
  ForgottenNodes forgotten;
  forgotten.put({9, 7, {1, "a"}, {{1, "b"}}});
  forgotten.put({9, 7, {2, "c"}, {{1, "a"}}});
  EXPECT_EQ(forgotten.find(7)->name, (KnownName{2, "c"}));
  EXPECT_EQ(forgotten.find(7)->others, (std::vector<KnownName>{{1, "a"}, {1, "b"}}));
  forgotten.put({9, 7, {}, {}});
  EXPECT_EQ(forgotten.find(7)->name, (KnownName{2, "c"}));
  for (int turn = 0; turn < 100; ++turn) forgotten.put(record(7, {1, std::to_string(turn)}));
  EXPECT_EQ(forgotten.find(7)->name.name, "99");
  EXPECT_EQ(forgotten.find(7)->others.size(), ForgottenNodes::kMostOthers);
}

// A union of `rw` over `ro` and the table of its nodes.
class FuseNodeTable : public testing::Test {
 protected:
  void SetUp() override {
    scratch.dir("rw");
    scratch.file("ro/d/e/deep", "deep");
    scratch.file("ro/file", "file");
    auto opened = UnionFs::open(
        {{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm("ro+wh")}}, {}, nullptr);
    ASSERT_TRUE(opened) << std::strerror(opened.error().code);
    fs = *std::move(opened);
    nodes.emplace(*fs);
  }
  NodePtr node(const std::string& path) {
    const Result<Found> found = test::find_path(*fs, path);
    EXPECT_TRUE(found) << path;
    return found ? found->node : nullptr;
  }
  std::uint64_t remember(const std::string& path) { return nodes->remember(node(path)); }
  // As the kernel does when it drops a path: the deepest name first.
  void visit_and_forget(const std::vector<std::string>& paths) {
    std::vector<std::uint64_t> ids;
    ids.reserve(paths.size());
    for (const std::string& path : paths) ids.push_back(remember(path));
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) EXPECT_TRUE(nodes->forget(*id, 1));
  }
  int error_of(std::uint64_t id) {
    const Result<Found> found = find_again(*fs, *nodes, id);
    return found ? 0 : found.error().code;
  }

  Scratch scratch;
  std::unique_ptr<UnionFs> fs;
  std::optional<NodeTable> nodes;
};

TEST_F(FuseNodeTable, ANodeHasTheSameIdAgain) {
  const std::uint64_t id = remember("file");
  EXPECT_EQ(remember("file"), id);
  EXPECT_FALSE(nodes->forget(id, 1));
  EXPECT_TRUE(nodes->forget(id, 1));
  EXPECT_EQ(nodes->get(id), nullptr);
  EXPECT_EQ(nodes->size(), 1U);
  EXPECT_NE(remember("d"), id);
  EXPECT_EQ(remember("file"), id);
  EXPECT_EQ(nodes->get(id), node("file"));
}

TEST_F(FuseNodeTable, TheFirstOpenIsTheFirstSinceTheKernelKnowsTheNode) {
  const std::uint64_t id = remember("file");
  EXPECT_TRUE(nodes->is_first_open(id));
  EXPECT_FALSE(nodes->is_first_open(id));
  EXPECT_EQ(remember("file"), id);
  EXPECT_FALSE(nodes->is_first_open(id));
  EXPECT_TRUE(nodes->forget(id, 2));
  EXPECT_FALSE(nodes->is_first_open(id));
  EXPECT_EQ(remember("file"), id);
  EXPECT_TRUE(nodes->is_first_open(id));
}

TEST_F(FuseNodeTable, AForgottenNodeIsFoundByItsPath) {
  const std::uint64_t id = remember("d/e/deep");
  EXPECT_TRUE(nodes->forget(id, 1));
  visit_and_forget({"d", "d/e"});
  const Result<Found> found = find_again(*fs, *nodes, id);
  ASSERT_TRUE(found) << found.error().code;
  EXPECT_EQ(found->attr.st.st_size, 4);
  EXPECT_EQ(nodes->remember(found->node), id);
  EXPECT_EQ(error_of(12'345 * 64), ESTALE);
}

TEST_F(FuseNodeTable, ARemovedNodeIsNotFoundThoughItsNameIsThere) {
  const std::uint64_t file = remember("file");
  const std::uint64_t dir = nodes->remember(fs->mkdir(fs->root(), "made", 0755, {0, 0})->node);
  ASSERT_TRUE(fs->unlink(fs->root(), "file"));
  ASSERT_TRUE(fs->rmdir(fs->root(), "made"));
  EXPECT_TRUE(nodes->forget(file, 1));
  EXPECT_TRUE(nodes->forget(dir, 1));
  ASSERT_TRUE(fs->mknod(fs->root(), "file", S_IFREG | 0644, 0, {0, 0}));
  ASSERT_TRUE(fs->mkdir(fs->root(), "made", 0755, {0, 0}));
  EXPECT_EQ(error_of(file), ESTALE);
  EXPECT_EQ(error_of(dir), ESTALE);
  EXPECT_NE(remember("file"), file);
  EXPECT_NE(remember("made"), dir);
}

TEST_F(FuseNodeTable, AnotherFileUnderTheNameIsNotTakenForIt) {
  visit_and_forget({"file"});
  const std::uint64_t id = remember("file");
  EXPECT_TRUE(nodes->forget(id, 1));
  // Not through the table, as if the branch had been changed behind the union.
  ASSERT_TRUE(fs->rename(fs->root(), "file", fs->root(), "moved", 0));
  ASSERT_TRUE(fs->mknod(fs->root(), "file", S_IFREG | 0644, 0, {0, 0}));
  EXPECT_EQ(error_of(id), ESTALE);
  EXPECT_FALSE(nodes->forgotten(id));
}

TEST_F(FuseNodeTable, AFileIsFoundByWhicheverNameIsLeft) {
  ASSERT_TRUE(fs->link(node("file"), node("d"), "one"));
  ASSERT_TRUE(fs->link(node("file"), fs->root(), "two"));
  const NodePtr held = node("file");
  const std::uint64_t id = nodes->remember(held);
  EXPECT_EQ(remember("d/one"), id);
  EXPECT_EQ(remember("two"), id);
  EXPECT_TRUE(nodes->forget(id, 3));
  ASSERT_TRUE(fs->unlink(fs->root(), "file"));
  ASSERT_TRUE(fs->unlink(node("d"), "one"));
  const Result<Found> found = find_again(*fs, *nodes, id);
  ASSERT_TRUE(found) << found.error().code;
  EXPECT_EQ(found->attr.st.st_nlink, 1U);
}

TEST_F(FuseNodeTable, ACopyUpAndARenameChangeNoId) {
  const std::uint64_t file = remember("d/e/deep");
  const std::uint64_t dir = remember("d");
  ASSERT_TRUE(fs->copy_up(node("d/e/deep")));
  ASSERT_TRUE(fs->rename(fs->root(), "d", fs->root(), "x", 0));
  EXPECT_TRUE(nodes->forget(file, 1));
  EXPECT_TRUE(nodes->forget(dir, 1));
  EXPECT_EQ(remember("x"), dir);
  EXPECT_EQ(remember("x/e/deep"), file);
}

}  // namespace
}  // namespace aufs::fuse
