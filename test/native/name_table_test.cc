// SPDX-License-Identifier: MIT
#include "union/name_table.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace aufs {
namespace {

NameEntry entry_of(std::uint64_t ino) {
  NameEntry entry;
  entry.ino = ino;
  return entry;
}

TEST(NameTable, HasNothingAtFirst) {
  NameTable table;
  EXPECT_EQ(table.find("name"), nullptr);
  EXPECT_EQ(table.size(), 0U);
  EXPECT_EQ(table.begin(), table.end());
  table.erase("name");
  table.shrink();
  table.add("", entry_of(7));
  ASSERT_NE(table.find(""), nullptr);
  EXPECT_EQ(table.find("")->ino, 7U);
}

void expect_same(const NameTable& table, const std::map<std::string, std::uint64_t>& model) {
  ASSERT_EQ(table.size(), model.size());
  for (const auto& [name, ino] : model) {
    const NameEntry* const found = table.find(name);
    ASSERT_NE(found, nullptr) << name;
    EXPECT_EQ(found->ino, ino);
  }
  std::map<std::string, std::uint64_t> seen;
  for (const auto [name, entry] : table) seen.emplace(name, entry.ino);
  EXPECT_EQ(seen, model);
}

// Short names, long ones and such of which one begins the other, against the standard's map.
TEST(NameTable, IsAMap) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    std::mt19937_64 random(seed);
    NameTable table;
    std::map<std::string, std::uint64_t> model;
    for (int step = 0; step < 30'000; ++step) {
      const std::uint64_t number = random() % (seed == 1 ? 40 : 3'000);
      std::string name = std::to_string(number);
      if (seed == 3) name.append(number % 245, 'x');
      // It grows at first and shrinks in the end.
      if (random() % 30'000 < static_cast<std::uint64_t>(step)) {
        table.erase(name);
        model.erase(name);
      } else if (NameEntry* const known = table.find(name)) {
        known->ino = random();
        model[name] = known->ino;
      } else {
        model[name] = table.add(name, entry_of(random())).ino;
      }
      if (step % 1'000 == 0) table.shrink();
      if (step % 3'000 == 0) expect_same(table, model);
    }
    expect_same(table, model);
    while (!model.empty()) {
      table.erase(model.begin()->first);
      model.erase(model.begin());
    }
    EXPECT_EQ(table.size(), 0U);
    EXPECT_EQ(table.find("1"), nullptr);
  }
}

}  // namespace
}  // namespace aufs
