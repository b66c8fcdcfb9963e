// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <functional>
#include <string>

#include "base/unique_fd.h"
#include "scratch.h"
#include "union/branch_overlap.h"

namespace aufs {
namespace {

// "2 in 1", "none", or the error.
std::string found_in(const std::string& root, const std::vector<std::string>& paths) {
  std::vector<UniqueFd> held;
  std::vector<int> directories;
  held.reserve(paths.size());
  directories.reserve(paths.size());
  for (const std::string& path : paths) {
    held.emplace_back(::open((root + "/" + path).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    directories.push_back(held.back().get());
  }
  const Result<std::optional<Overlap>> found = find_overlap(directories);
  if (!found) return found.error().syscall;
  if (!*found) return "none";
  return std::to_string((*found)->inner).append(" in ").append(std::to_string((*found)->outer));
}

class BranchOverlap : public testing::Test {
 protected:
  void SetUp() override {
    for (const char* path : {"a/x/p", "a/x/q/r", "b/m", "c"}) scratch_.dir(path);
    std::filesystem::create_directory_symlink("a/x", scratch_.at("link"));
  }
  std::string root() const { return scratch_.at("."); }

 private:
  test::Scratch scratch_;
};

TEST_F(BranchOverlap, ByNames) {
  EXPECT_EQ(found_in(root(), {"c"}), "none");
  EXPECT_EQ(found_in(root(), {"a", "b", "c"}), "none");
  EXPECT_EQ(found_in(root(), {"a/x/p", "a/x/q", "b/m"}), "none");
  EXPECT_EQ(found_in(root(), {"c", "b", "c"}), "2 in 0");
  EXPECT_EQ(found_in(root(), {"a/x", "link"}), "1 in 0");
  EXPECT_EQ(found_in(root(), {"a/x/q/r", "c", "a"}), "0 in 2");
  EXPECT_EQ(found_in(root(), {"a/x/p", "a/x/q/r", "b", "a/x/q"}), "1 in 3");
  EXPECT_EQ(found_in(root(), {"c", "."}), "0 in 1");
  EXPECT_EQ(found_in("/", {"proc", "."}), "0 in 1");
}

// In a mount namespace of its own, which ends with the child. 2: that is not allowed here.
int in_child(const std::function<bool()>& holds) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0)
      ::_exit(2);
    ::_exit(holds() ? 0 : 1);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

// b/m shows a/x: the same directories lie in a by one way and in b by the other.
TEST_F(BranchOverlap, ThroughBindMounts) {
  const int code = in_child([this] {
    if (::mount((root() + "/a/x").c_str(), (root() + "/b/m").c_str(), nullptr, MS_BIND, nullptr) != 0)
      ::_exit(2);
    EXPECT_EQ(found_in(root(), {"a/x/p", "b/m/q"}), "none");
    EXPECT_EQ(found_in(root(), {"a/x/p", "b/m/p"}), "1 in 0");
    EXPECT_EQ(found_in(root(), {"a/x/p", "b/m/q", "b"}), "1 in 2");
    EXPECT_EQ(found_in(root(), {"b/m/p", "a/x/q", "a"}), "1 in 2");
    EXPECT_EQ(found_in(root(), {"b/m/q/r", "a/x/q"}), "0 in 1");
    return !HasFailure();
  });
  if (code == 2) GTEST_SKIP() << "needs root";
  EXPECT_EQ(code, 0);
}

}  // namespace
}  // namespace aufs
