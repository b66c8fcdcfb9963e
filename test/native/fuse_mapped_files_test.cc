// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include "fuse/mapped_files.h"

namespace aufs::fuse {
namespace {

constexpr std::uint64_t kFile = 70;

bool written() {
  return true;
}
bool not_written() {
  return false;
}

TEST(FuseMappedFiles, AFileIsUnsettledFromItsFirstOpen) {
  MappedFiles files;
  EXPECT_FALSE(files.has(kFile));
  EXPECT_TRUE(files.open(kFile));
  EXPECT_FALSE(files.open(kFile));
  EXPECT_TRUE(files.has(kFile));
  EXPECT_FALSE(files.has(kFile + 1));
}

TEST(FuseMappedFiles, ItSettlesWithoutOpensAndMappings) {
  MappedFiles files;
  files.open(kFile);
  files.open(kFile);
  files.close(kFile);
  EXPECT_FALSE(files.settle(kFile, not_written));
  files.close(kFile);
  EXPECT_TRUE(files.has(kFile));
  EXPECT_FALSE(files.settle(kFile, written));
  EXPECT_TRUE(files.settle(kFile, not_written));
  EXPECT_FALSE(files.has(kFile));
  EXPECT_FALSE(files.settle(kFile, not_written));
  EXPECT_TRUE(files.open(kFile));
}

TEST(FuseMappedFiles, AForgottenFileIsSettled) {
  MappedFiles files;
  files.open(kFile);
  files.forget(kFile);
  EXPECT_FALSE(files.has(kFile));
  // its RELEASE may come after its FORGET
  files.close(kFile);
  EXPECT_FALSE(files.has(kFile));
}

}  // namespace
}  // namespace aufs::fuse
