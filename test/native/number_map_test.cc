// SPDX-License-Identifier: MIT
#include "base/number_map.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <unordered_map>

namespace aufs {
namespace {

TEST(NumberMap, HasNothingAtFirst) {
  NumberMap<int> map;
  EXPECT_EQ(map.find(0), nullptr);
  map.erase(7);
  EXPECT_EQ(map.size(), 0U);
}

// Keys that lie close together, far apart, and on top of each other, against the standard's map.
TEST(NumberMap, IsAMap) {
  for (const unsigned seed : {1U, 2U, 3U, 4U}) {
    std::mt19937_64 random(seed);
    NumberMap<std::shared_ptr<std::uint64_t>> map;
    std::unordered_map<std::uint64_t, std::uint64_t> model;
    for (int step = 0; step < 50'000; ++step) {
      const std::uint64_t range = seed % 2 == 0 ? 300 : 40'000;
      const std::uint64_t key = (random() % range) * (seed < 3 ? 1 : 64) + (seed == 4 ? 1ULL << 60 : 0);
      if (random() % 3 == 0) {
        map.erase(key);
        model.erase(key);
      } else {
        map[key] = std::make_shared<std::uint64_t>(key ^ static_cast<unsigned>(step));
        model[key] = key ^ static_cast<unsigned>(step);
      }
    }
    ASSERT_EQ(map.size(), model.size());
    for (const auto& [key, value] : model) {
      const auto* const found = map.find(key);
      ASSERT_NE(found, nullptr) << key;
      EXPECT_EQ(**found, value);
    }
    std::size_t seen = 0;
    map.each([&](std::uint64_t key, const std::shared_ptr<std::uint64_t>& value) {
      ++seen;
      EXPECT_EQ(model.at(key), *value);
    });
    EXPECT_EQ(seen, model.size());
    for (const auto& [key, value] : model) map.erase(key);
    EXPECT_EQ(map.size(), 0U);
  }
}

TEST(NumberMap, LetsGoOfWhatIsErased) {
  NumberMap<std::shared_ptr<int>> map;
  const auto value = std::make_shared<int>(1);
  for (std::uint64_t key = 0; key < 100; ++key) map[key] = value;
  EXPECT_EQ(value.use_count(), 101);
  for (std::uint64_t key = 0; key < 100; key += 2) map.erase(key);
  EXPECT_EQ(value.use_count(), 51);
}

}  // namespace
}  // namespace aufs
