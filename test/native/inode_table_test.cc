// SPDX-License-Identifier: MIT
#include "union/inode_table.h"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <vector>

namespace aufs {
namespace {

NodePtr intern(InodeTable& table, std::uint64_t ino, mode_t type = S_IFREG) {
  return table.intern(ino, type, [](Node&) {});
}

TEST(InodeTable, FindsTheNodeAsLongAsSomebodyKeepsIt) {
  const InodeTable::Owner table = InodeTable::create();
  EXPECT_EQ(table->find(7), nullptr);
  NodePtr node = intern(*table, 7);
  NodePtr other = intern(*table, 7);
  EXPECT_EQ(node, other);
  const WeakNodePtr weak = node;
  node.reset();
  EXPECT_EQ(weak.lock(), other);
  EXPECT_EQ(table->find(7), other);
  EXPECT_EQ(table->all().size(), 1U);
  other = nullptr;
  EXPECT_TRUE(weak.expired());
  EXPECT_EQ(table->find(7), nullptr);
  EXPECT_TRUE(table->all().empty());
}

TEST(InodeTable, AStaleNodeLosesItsPlaceAndTakesNobodyElses) {
  const InodeTable::Owner table = InodeTable::create();
  NodePtr file = intern(*table, 7);
  const NodePtr dir = intern(*table, 7, S_IFDIR);
  EXPECT_NE(file, dir);
  EXPECT_TRUE(dir->is_dir());
  file.reset();
  EXPECT_EQ(table->find(7), dir);
  table->drop(*dir);
  const NodePtr next = intern(*table, 7, S_IFDIR);
  EXPECT_NE(next, dir);
  table->drop(*dir);
  EXPECT_EQ(table->find(7), next);
}

TEST(InodeTable, NodesOutliveItsOwnerAndKeepTheDirectoriesAbove) {
  InodeTable::Owner table = InodeTable::create();
  NodePtr dir = intern(*table, 1, S_IFDIR);
  NodePtr file = intern(*table, 2);
  file->names.add({dir, "f"});
  const WeakNodePtr above = dir;
  dir.reset();
  table.reset();
  EXPECT_EQ(file->names.front().parent, above.lock());
  const WeakNodePtr below = file;
  file.reset();
  EXPECT_TRUE(below.expired());
  EXPECT_TRUE(above.expired());
}

// A node that ends in one thread while another looks for it is found whole or not at all.
TEST(InodeTable, ThreadsMakeAndEndTheSameNodes) {
  const InodeTable::Owner table = InodeTable::create();
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (unsigned seed = 0; seed < 4; ++seed) {
    threads.emplace_back([&table, &wrong, seed] {
      std::optional<WeakNodePtr> weak;
      for (unsigned i = 0; i < 20'000; ++i) {
        const std::uint64_t ino = (i * 7 + seed) % 5;
        const NodePtr made = i % 2 == 0 ? intern(*table, ino) : table->find(ino);
        if (made && made->ino != ino) ++wrong;
        const NodePtr watched = weak ? weak->lock() : nullptr;
        if (watched && watched->ino > 4) ++wrong;
        if (made) weak.emplace(made);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(table->all().empty());
}

TEST(NameList, KeepsNamesInTheirOrder) {
  const InodeTable::Owner table = InodeTable::create();
  const NodePtr dir = intern(*table, 1, S_IFDIR);
  NameList names;
  const auto told = [&names] {
    std::string all;
    for (const Name& name : names) all += name.name;
    return all;
  };
  EXPECT_TRUE(names.empty());
  EXPECT_FALSE(names.has(dir, "a"));
  for (const char* name : {"a", "b", "c", "d"}) names.add({dir, name});
  EXPECT_EQ(told(), "abcd");
  EXPECT_EQ(names.size(), 4U);
  EXPECT_TRUE(names.has(dir, "d"));
  EXPECT_FALSE(names.has(nullptr, "d"));
  names.remove_if([](const Name& name) { return name.name == "a" || name.name == "c"; });
  EXPECT_EQ(told(), "bd");
  EXPECT_EQ(names.front().name, "b");
  for (Name& name : names) name.name += "x";
  EXPECT_EQ(told(), "bxdx");
  names.remove_if([](const Name&) { return true; });
  EXPECT_TRUE(names.empty());
  names.add({dir, "e"});
  names.add({dir, "f"});
  names.assign({dir, "g"});
  EXPECT_EQ(told(), "g");
}

}  // namespace
}  // namespace aufs
