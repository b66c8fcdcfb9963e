// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "fuse/mapped_files.h"

namespace aufs::fuse {
namespace {

constexpr std::uint64_t kMapped = 70;

bool written() {
  return true;
}
bool not_written() {
  return false;
}

TEST(FuseMappedFiles, AFileIsUnsettledFromItsFirstOpen) {
  MappedFiles files;
  EXPECT_FALSE(files.has(kMapped));
  EXPECT_TRUE(files.open(kMapped));
  EXPECT_FALSE(files.open(kMapped));
  EXPECT_TRUE(files.has(kMapped));
  EXPECT_FALSE(files.has(kMapped + 1));
}

TEST(FuseMappedFiles, ItSettlesWithoutOpensAndMappings) {
  MappedFiles files;
  files.open(kMapped);
  files.open(kMapped);
  files.close(kMapped);
  EXPECT_FALSE(files.settle(kMapped, not_written));
  files.close(kMapped);
  EXPECT_TRUE(files.has(kMapped));
  EXPECT_FALSE(files.settle(kMapped, written));
  EXPECT_TRUE(files.settle(kMapped, not_written));
  EXPECT_FALSE(files.has(kMapped));
  EXPECT_FALSE(files.settle(kMapped, not_written));
  EXPECT_TRUE(files.open(kMapped));
}

TEST(FuseMappedFiles, AForgottenFileIsSettled) {
  MappedFiles files;
  files.open(kMapped);
  files.forget(kMapped);
  EXPECT_FALSE(files.has(kMapped));
  // its RELEASE may come after its FORGET
  files.close(kMapped);
  EXPECT_FALSE(files.has(kMapped));
}

}  // namespace
}  // namespace aufs::fuse
