// SPDX-License-Identifier: MIT
#include "layer/layer_children.h"

#include <sys/stat.h>

#include <algorithm>

#include "scratch.h"

namespace aufs::layer {
namespace {

using test::Scratch;
using Names = std::vector<std::string>;

Names children_of(const Scratch& scratch, std::string_view id) {
  Result<Names> found = find_children(scratch.at("layers"), id);
  EXPECT_TRUE(found);
  if (!found) return {};
  std::ranges::sort(*found);
  return *found;
}

TEST(LayerChildren, AreThoseThatListTheIdAsAWord) {
  const Scratch scratch;
  scratch.file("layers/base", "");
  scratch.file("layers/child", "base\n");
  scratch.file("layers/grandchild", "child\nbase\n");
  scratch.file("layers/unended", "child\nbase");
  scratch.file("layers/blank", "\n base \r\n\n");
  scratch.file("layers/longer", "base2\nabase\nbase-init\n");
  scratch.file("layers/both", "base2\nbase\n");
  EXPECT_EQ(children_of(scratch, "base"), (Names{"blank", "both", "child", "grandchild", "unended"}));
  EXPECT_EQ(children_of(scratch, "child"), (Names{"grandchild", "unended"}));
  EXPECT_EQ(children_of(scratch, "grandchild"), Names{});
}

TEST(LayerChildren, ReadsListsOfAnyLength) {
  const Scratch scratch;
  std::string parents;
  for (int i = 0; i < 5000; ++i) parents.append("parent-").append(std::to_string(i)).append("\n");
  for (const std::size_t length : {32768U - 5U, 32768U - 1U, 32768U, 65536U - 5U}) {
    scratch.file("layers/child", parents.substr(0, length - 1) + "\nbase\n");
    EXPECT_EQ(children_of(scratch, "base"), Names{"child"}) << length;
  }
}

// Whichever comes first in the directory.
TEST(LayerChildren, AFileThatIsTooLongHidesNoOther) {
  const Scratch scratch;
  Names children;
  for (char name = 'a'; name <= 'z'; ++name) {
    children.emplace_back(1, name);
    scratch.file("layers/" + children.back(), "base\n");
    scratch.file("layers/long-" + children.back(), "");
  }
  for (const char* name : {"layers/long-a", "layers/long-m", "layers/long-z"})
    std::filesystem::resize_file(scratch.at(name), (64U << 20U) + 1);
  EXPECT_EQ(children_of(scratch, "base"), children);
}

TEST(LayerChildren, PassesOverWhatIsNoList) {
  const Scratch scratch;
  scratch.file("layers/child", "base\n");
  scratch.file("layers/.child.123", "base\n");
  scratch.file("elsewhere", "base\n");
  scratch.dir("layers/directory");
  ASSERT_EQ(0, ::symlink(scratch.at("elsewhere").c_str(), scratch.at("layers/link").c_str()));
  ASSERT_EQ(0, ::mkfifo(scratch.at("layers/fifo").c_str(), 0600));
  EXPECT_EQ(children_of(scratch, "base"), Names{"child"});
}

TEST(LayerChildren, ADirectoryThatIsNotThereIsAnError) {
  const Scratch scratch;
  EXPECT_TRUE(failed_with(find_children(scratch.at("layers"), "base"), ENOENT));
}

}  // namespace
}  // namespace aufs::layer
