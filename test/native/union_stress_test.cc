// SPDX-License-Identifier: MIT
// Several threads do everything at once to a small tree; afterwards a union opened anew must show the same tree. Run under
// ThreadSanitizer it also proves the lock order.
#include <dirent.h>
#include <fcntl.h>

#include <cstdio>
#include <map>
#include <random>
#include <thread>

#include "scratch.h"
#include "union/union_fs.h"

namespace aufs {
namespace {

using test::Scratch;

constexpr int kThreads = 4;
constexpr int kStressSteps = 1500;

class Walker {
 public:
  Walker(UnionFs& fs, unsigned seed) : fs_(fs), random_(seed) {}

  void run() {
    for (int i = 0; i < kStressSteps; ++i) step();
  }

 private:
  std::string name() { return std::string(1, static_cast<char>('a' + pick(6))); }
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }

  NodePtr some_dir() {
    NodePtr at = fs_.root();
    for (unsigned depth = pick(4); depth > 0; --depth) {
      auto next = fs_.lookup(at, name());
      if (next && S_ISDIR(next->attr.st.st_mode)) at = next->node;
    }
    return at;
  }

  void write_some(const OpenFilePtr& file) {
    const std::string text(pick(2000), 'w');
    (void)fs_.write(file, std::as_bytes(std::span(text)), static_cast<off_t>(pick(500)));
    SetAttr kill;
    kill.kill_set_id = true;
    if (pick(2) == 0) (void)fs_.setattr(UnionFs::node_of(file), kill);
    std::string back(1000, '\0');
    (void)fs_.read(file, std::as_writable_bytes(std::span(back)), 0);
  }

  void step() {
    const NodePtr dir = some_dir();
    const NodePtr other = some_dir();
    switch (pick(12)) {
      case 0:
      case 1:
        if (auto made = fs_.create(dir, name(), O_RDWR | O_CREAT, 0644, me_)) write_some(made->file);
        break;
      case 2: (void)fs_.mkdir(dir, name(), 0755, me_); break;
      case 3: (void)fs_.unlink(dir, name()); break;
      case 4: (void)fs_.rmdir(dir, name()); break;
      case 5:
      case 6: (void)fs_.rename(dir, name(), other, name(), 0); break;
      case 7:
        (void)fs_.rename(dir, name(), other, name(), pick(2) == 0 ? RENAME_EXCHANGE : RENAME_NOREPLACE);
        break;
      case 8:
        if (auto found = fs_.lookup(dir, name())) (void)fs_.link(found->node, other, name());
        break;
      case 9:
        if (auto found = fs_.lookup(dir, name())) change_attributes(found->node);
        break;
      case 10: (void)fs_.readdir(dir); break;
      default:
        if (auto found = fs_.lookup(dir, name())) {
          if (auto file = fs_.open(found->node, O_RDWR)) write_some(*file);
        }
    }
  }

  void change_attributes(const NodePtr& node) {
    SetAttr change;
    change.mode = S_ISDIR(fs_.getattr(node) ? fs_.getattr(node)->st.st_mode : 0) ? 0755 : 0600 + pick(64);
    if (pick(3) == 0) change.mtime = timespec{1'000'000, 0};
    (void)fs_.setattr(node, change);
    (void)fs_.setxattr(node, "user.k", "v", 0);
  }

  UnionFs& fs_;
  std::mt19937 random_;
  const Caller me_{::geteuid(), ::getegid()};
};

// path -> what is there, as text
void snapshot(UnionFs& fs, const NodePtr& dir, const std::string& path,
              std::map<std::string, std::string>& into) {
  auto entries = fs.readdir(dir);
  ASSERT_TRUE(entries);
  for (const DirEntry& entry : *entries) {
    const std::string at = path + "/" + entry.name;
    auto found = fs.lookup(dir, entry.name);
    ASSERT_TRUE(found) << at;
    EXPECT_EQ(found->attr.st.st_ino, entry.ino) << at;
    EXPECT_EQ(IFTODT(found->attr.st.st_mode), entry.type) << at;
    const auto& st = found->attr.st;
    into[at] = std::to_string(st.st_mode) + " " + (S_ISDIR(st.st_mode) ? "" : std::to_string(st.st_size));
    if (S_ISDIR(st.st_mode)) snapshot(fs, found->node, at, into);
  }
}

void fill(const Scratch& scratch) {
  for (const char* branch : {"rw", "ro1", "ro2"}) {
    scratch.dir(branch);
    for (const char* dir : {"a", "b/c", "c/d/e", "d"}) {
      for (const char* file : {"e", "f"}) {
        const std::string at = std::string(branch) + "/" + dir + "/" + file;
        if (!scratch.exists(at)) scratch.file(at, at);
      }
    }
  }
  ASSERT_EQ(0, ::link(scratch.at("ro1/a/e").c_str(), scratch.at("ro1/d/a").c_str()));
}

TEST(UnionStress, ThreadsLeaveATreeThatReadsTheSameAfterwards) {
  for (unsigned seed = 1; seed <= 4; ++seed) {
    const Scratch scratch;
    fill(scratch);
    const std::vector<BranchSpec> specs = {{scratch.at("rw"), *parse_perm("rw")},
                                           {scratch.at("ro1"), *parse_perm("ro+wh")},
                                           {scratch.at("ro2"), *parse_perm("ro+wh")}};
    UnionOptions options;
    options.sync_copy_up = false;
    options.max_cached_names = 40;
    options.max_open_dirs = 6;
    std::map<std::string, std::string> before;
    std::map<std::string, std::string> after;
    {
      auto fs = UnionFs::open(specs, options, nullptr);
      ASSERT_TRUE(fs);
      std::vector<std::thread> threads;
      for (unsigned i = 0; i < kThreads; ++i) {
        threads.emplace_back([&, i] { Walker(**fs, seed * 100 + i).run(); });
      }
      for (std::thread& thread : threads) thread.join();
      snapshot(**fs, (*fs)->root(), "", before);
    }
    auto again = UnionFs::open(specs, options, nullptr);
    ASSERT_TRUE(again);
    snapshot(**again, (*again)->root(), "", after);
    EXPECT_EQ(before, after) << "seed " << seed;
  }
}

}  // namespace
}  // namespace aufs
