// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cerrno>
#include <set>

#include "fuse/io_modes.h"

namespace aufs::fuse {
namespace {

class FakeRegistry final : public BackingRegistry {
 public:
  Result<std::int32_t> open_backing(int) override {
    if (refusal != 0) return Error{refusal, "ioctl"};
    open.insert(++last);
    return last;
  }
  void close_backing(std::int32_t id) override { open.erase(id); }

  std::set<std::int32_t> open;
  std::int32_t last = 0;
  int refusal = 0;
};

constexpr std::uint64_t kFile = 70;

TEST(FuseIoModes, AllPassthroughOpensShareOneId) {
  FakeRegistry registry;
  IoModes modes(&registry, "");
  const OpenMode first = modes.open(kFile, 5);
  EXPECT_TRUE(first.passthrough);
  // an open that would not ask for passthrough has to follow
  EXPECT_EQ(modes.open(kFile, std::nullopt).backing_id, first.backing_id);
  modes.close(kFile, true);
  EXPECT_EQ(registry.open.size(), 1U);
  modes.close(kFile, true);
  EXPECT_TRUE(registry.open.empty());
}

TEST(FuseIoModes, ACachedOpenKeepsOthersCachedUntilItIsClosed) {
  FakeRegistry registry;
  IoModes modes(&registry, "");
  EXPECT_FALSE(modes.open(kFile, std::nullopt).passthrough);
  EXPECT_FALSE(modes.open(kFile, 5).passthrough);
  modes.close(kFile, false);
  modes.close(kFile, false);
  EXPECT_TRUE(modes.open(kFile, 5).passthrough);
}

TEST(FuseIoModes, PagesAreStaleAfterPassthroughOnce) {
  FakeRegistry registry;
  IoModes modes(&registry, "");
  EXPECT_TRUE(modes.open(kFile, std::nullopt).keep_cache);
  modes.close(kFile, false);
  modes.open(kFile, 5);
  modes.close(kFile, true);
  EXPECT_FALSE(modes.open(kFile, std::nullopt).keep_cache);
  EXPECT_TRUE(modes.open(kFile, std::nullopt).keep_cache);
}

TEST(FuseIoModes, PagesAreGivenWhileNobodyHasTheFileOpenAndNoneAreStale) {
  FakeRegistry registry;
  IoModes modes(&registry, "");
  const auto given = [&] {
    bool yes = false;
    modes.while_closed(kFile, [&] { yes = true; });
    return yes;
  };
  EXPECT_TRUE(given());
  modes.open(kFile, std::nullopt);
  EXPECT_FALSE(given());
  modes.close(kFile, false);
  EXPECT_TRUE(given());
  modes.open(kFile, 5);
  EXPECT_FALSE(given());
  modes.close(kFile, true);
  EXPECT_FALSE(given());
  modes.open(kFile, std::nullopt);
  modes.close(kFile, false);
  EXPECT_TRUE(given());
}

TEST(FuseIoModes, ARefusalForAllIsRememberedWithItsReason) {
  FakeRegistry registry;
  IoModes modes(&registry, "");
  registry.refusal = EMFILE;
  EXPECT_FALSE(modes.open(1, 5).passthrough);
  EXPECT_EQ(modes.why_not(), nullptr);
  registry.refusal = EPERM;
  EXPECT_FALSE(modes.open(2, 5).passthrough);
  EXPECT_NE(modes.why_not(), nullptr);
  registry.refusal = 0;
  EXPECT_FALSE(modes.open(3, 5).passthrough);
}

TEST(FuseIoModes, WithoutRegistryEverythingIsCached) {
  IoModes modes(nullptr, "switched off");
  EXPECT_FALSE(modes.open(kFile, 5).passthrough);
  EXPECT_STREQ(modes.why_not(), "switched off");
}

}  // namespace
}  // namespace aufs::fuse
