// SPDX-License-Identifier: MIT
// Changes of attributes of a large lower file: seen at once, and in the branch when the copy has its name.
#include <endian.h>
#include <fcntl.h>
#include <sys/xattr.h>

#include <condition_variable>
#include <cstring>
#include <map>
#include <set>
#include <thread>

#include "scratch.h"
#include "union/union_fs.h"

namespace aufs {
namespace {

using test::bytes;
using test::Scratch;

// All that a change of attributes can change but the time of the change.
struct Look {
  std::map<std::string, std::string> fields;
  bool operator==(const Look&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Look& look) {
  for (const auto& [name, value] : look.fields) out << name << '=' << value << ' ';
  return out;
}

Look look_of(const struct stat& st) {
  const auto time = [](const timespec& at) {
    return std::to_string(at.tv_sec) + "." + std::to_string(at.tv_nsec);
  };
  return {{{"mode", std::to_string(st.st_mode)},
           {"uid", std::to_string(st.st_uid)},
           {"gid", std::to_string(st.st_gid)},
           {"nlink", std::to_string(st.st_nlink)},
           {"atime", time(st.st_atim)},
           {"mtime", time(st.st_mtim)}}};
}

Look look_at(UnionFs& fs, const NodePtr& node) {
  Look look = look_of(fs.getattr(node)->st);
  const std::string names = *fs.listxattr(node);
  for (const char* name = names.data(); name < names.data() + names.size(); name += std::strlen(name) + 1)
    look.fields[name] = *fs.getxattr(node, name);
  return look;
}

// What `before` is after a change that made `to` of `from`.
Look changed(Look before, const Look& from, const Look& to) {
  for (const auto& [name, value] : from.fields) {
    if (to.fields.count(name) == 0) before.fields.erase(name);
  }
  for (const auto& [name, value] : to.fields) {
    const auto old = from.fields.find(name);
    if (old == from.fields.end() || old->second != value) before.fields[name] = value;
  }
  return before;
}

// user::rw-, user:1:r--, group::r--, mask::r--, other::---
std::string some_acl() {
  struct Entry {
    std::uint16_t tag;
    std::uint16_t permissions;
    std::uint32_t id;
  };
  const std::uint32_t version = htole32(2);
  std::string acl(reinterpret_cast<const char*>(&version), sizeof version);
  constexpr std::uint32_t kNobody = 0xffffffff;
  const std::initializer_list<Entry> entries = {
      {1, 6, kNobody}, {2, 4, 1}, {4, 4, kNobody}, {0x10, 4, kNobody}, {0x20, 0, kNobody}};
  for (const Entry& entry : entries) {
    const Entry little{htole16(entry.tag), htole16(entry.permissions), htole32(entry.id)};
    acl.append(reinterpret_cast<const char*>(&little), sizeof little);
  }
  return acl;
}

struct Change {
  const char* name;
  std::function<Status(UnionFs&, const NodePtr&)> run;
};

Change setattr(const char* name, const std::function<void(SetAttr&)>& fill) {
  SetAttr change;
  fill(change);
  return {name, [change](UnionFs& fs, const NodePtr& node) -> Status {
            AUFS_CHECK(fs.setattr(node, change));
            return ok();
          }};
}

Change setxattr(const char* name, const std::string& key, const std::string& value, int flags) {
  return {name, [=](UnionFs& fs, const NodePtr& node) { return fs.setxattr(node, key, value, flags); }};
}

std::vector<Change> all_changes() {
  return {
      setattr("chmod", [](SetAttr& to) { to.mode = 0600; }),
      setattr("chown",
              [](SetAttr& to) {
                to.uid = ::geteuid() == 0 ? 1 : ::geteuid();
                to.gid = ::geteuid() == 0 ? 2 : ::getegid();
              }),
      setattr("utimens",
              [](SetAttr& to) {
                to.atime = {5, 6};
                to.mtime = {7, 8};
              }),
      setattr("utimens of one",
              [](SetAttr& to) {
                to.mtime = {9, 10};
              }),
      setattr("all at once",
              [](SetAttr& to) {
                to.mode = 0640;
                to.gid = ::getegid();
                to.atime = {11, 12};
                to.mtime = {13, 14};
              }),
      setxattr("setxattr", "user.new", "value", XATTR_CREATE),
      setxattr("setxattr over another", "user.old", std::string(500, 'v'), XATTR_REPLACE),
      {"removexattr", [](UnionFs& fs, const NodePtr& node) { return fs.removexattr(node, "user.old"); }},
      setxattr("an ACL", "system.posix_acl_access", some_acl(), 0),
  };
}

// The thread behind is kept at the copy of `first` until it is released, so that `d/f` stays as it is when it is begun.
class BackgroundAttributesTest : public testing::Test {
 protected:
  static constexpr std::size_t kSize = 2 * 1024 * 1024;

  void SetUp() override {
    original.assign(kSize, 'o');
    for (const char* path : {"ro/first", "ro/d/f", "ro/last", "plain/f"}) scratch.file(path, original);
    for (const char* path : {"ro/d/f", "plain/f"}) {
      const std::string file = scratch.at(path);
      ASSERT_EQ(0, ::chmod(file.c_str(), 0644));
      if (::setxattr(file.c_str(), "user.old", "lower", 5, 0) != 0) GTEST_SKIP() << "no xattr here";
      const timespec times[2] = {{1000, 1}, {2000, 2}};
      ASSERT_EQ(0, ::utimensat(AT_FDCWD, file.c_str(), times, 0));
    }
    begin();
    if (!::testing::Test::HasFatalFailure() && !is_behind()) GTEST_SKIP() << "blocks are shared here";
  }
  void TearDown() override { close(); }

  bool is_behind() {
    const bool behind = fs->setxattr(node, "user.try", "x", 0) && fs->getattr(node)->passing;
    begin();
    return behind;
  }
  void open() {
    close();
    held = true;
    done.clear();
    UnionOptions options;
    options.background_copy_up = 64 * 1024;
    options.on_copy_up = [this](const CopyUpEvent& event) { copied(event.path); };
    auto opened = UnionFs::open(
        {{scratch.at("rw"), *parse_perm("rw")}, {scratch.at("ro"), *parse_perm("ro+wh")}}, options, nullptr);
    ASSERT_TRUE(opened);
    fs = *std::move(opened);
    dir = fs->lookup(fs->root(), "d")->node;
    node = fs->lookup(dir, "f")->node;
  }
  // An empty writable branch, and the thread at `first`.
  void begin() {
    close();
    std::filesystem::remove_all(scratch.at("rw"));
    scratch.dir("rw");
    open();
    first = *fs->open(fs->lookup(fs->root(), "first")->node, O_RDWR);
    ASSERT_TRUE(fs->write(first, bytes("x"), 0));
  }
  void copied(const std::string& path) {
    std::unique_lock guard(mutex);
    done.insert(path);
    wake.notify_all();
    if (path == "first") wake.wait(guard, [this] { return !held; });
  }
  void release() {
    const std::lock_guard guard(mutex);
    held = false;
    wake.notify_all();
  }
  void wait_for(const std::string& path) {
    std::unique_lock guard(mutex);
    ASSERT_TRUE(wake.wait_for(guard, std::chrono::seconds(30), [&] { return done.count(path) != 0; }));
  }
  // As a crash does: what has no name is dropped.
  void close() {
    std::thread opener([this] {
      ::usleep(10'000);  // the union is told to stop before
      release();
    });
    first.reset();
    node.reset();
    dir.reset();
    fs.reset();
    opener.join();
  }
  OpenFilePtr write(off_t offset, const std::string& text) {
    OpenFilePtr file = *fs->open(node, O_RDWR);
    EXPECT_TRUE(fs->write(file, bytes(text), offset));
    return file;
  }
  Status chmod(mode_t mode) {
    SetAttr change;
    change.mode = mode;
    AUFS_CHECK(fs->setattr(node, change));
    return ok();
  }
  mode_t mode() { return fs->getattr(node)->st.st_mode & 07777; }

  // What the change makes of the same file where nothing is copied.
  std::pair<Look, Look> in_plain_directory(const Change& change) {
    std::filesystem::remove(scratch.at("plain/g"));
    std::filesystem::copy(scratch.at("plain/f"), scratch.at("plain/g"));
    EXPECT_EQ(0, ::setxattr(scratch.at("plain/g").c_str(), "user.old", "lower", 5, 0));
    const auto plain = *UnionFs::open({{scratch.at("plain"), *parse_perm("rw")}}, UnionOptions{}, nullptr);
    const NodePtr file = plain->lookup(plain->root(), "g")->node;
    Look before = look_at(*plain, file);
    EXPECT_TRUE(change.run(*plain, file)) << change.name;
    return {std::move(before), look_at(*plain, file)};
  }
  // Through a union of this branch alone.
  Look look_in_branch() {
    const auto branch = *UnionFs::open({{scratch.at("rw"), *parse_perm("ro")}}, UnionOptions{}, nullptr);
    const NodePtr parent = branch->lookup(branch->root(), "d")->node;
    return look_at(*branch, branch->lookup(parent, "f")->node);
  }

  Scratch scratch;
  std::string original;
  std::mutex mutex;
  std::condition_variable wake;
  bool held = true;            // guarded by mutex, as what follows
  std::set<std::string> done;  // paths
  std::unique_ptr<UnionFs> fs;
  OpenFilePtr first;
  NodePtr dir;
  NodePtr node;
};

TEST_F(BackgroundAttributesTest, EachChangeIsSeenAtOnceAndKept) {
  const Look old = look_at(*fs, node);
  const struct stat below = scratch.stat("ro/d/f");
  for (const Change& change : all_changes()) {
    for (const bool written : {false, true}) {
      for (const bool crashes : {false, true}) {
        SCOPED_TRACE(std::string(change.name) + (written ? ", written" : "") + (crashes ? ", crash" : ""));
        begin();
        std::string content = original;
        if (written) {
          write(1000, "new");
          content.replace(1000, 3, "new");
        }
        const auto [from, to] = in_plain_directory(change);
        const Look wanted = changed(look_at(*fs, node), from, to);
        ASSERT_TRUE(change.run(*fs, node));
        EXPECT_TRUE(fs->getattr(node)->passing);
        EXPECT_FALSE(scratch.exists("rw/d/f"));
        EXPECT_EQ(look_at(*fs, node), wanted);
        EXPECT_EQ(look_of(fs->lookup(dir, "f")->attr.st), look_of(fs->getattr(node)->st));
        EXPECT_GE(fs->getattr(node)->st.st_ctim.tv_sec, below.st_ctim.tv_sec);
        if (!crashes) {
          release();
          ASSERT_TRUE(fs->finish_copy_ups());
          EXPECT_EQ(look_at(*fs, node), wanted);
          EXPECT_EQ(look_in_branch(), wanted);
        }
        open();
        EXPECT_EQ(look_at(*fs, node), crashes && !scratch.exists("rw/d/f") ? old : wanted);
        const struct stat still = scratch.stat("ro/d/f");
        EXPECT_EQ(look_of(still), look_of(below));
        EXPECT_EQ(still.st_ctim.tv_nsec, below.st_ctim.tv_nsec);
        if (!crashes) {
          EXPECT_TRUE(scratch.content("rw/d/f") == content);
        }
      }
    }
  }
}

TEST_F(BackgroundAttributesTest, AWriteAfterTimesAreSetMovesThem) {
  SetAttr times;
  times.mtime = {7, 8};
  SetAttr now;
  now.mtime = {0, UTIME_NOW};
  ASSERT_TRUE(fs->setattr(node, times));
  const OpenFilePtr file = write(0, "new");
  const timespec written = fs->getattr(node)->st.st_mtim;
  EXPECT_GT(written.tv_sec, 2000);
  ASSERT_TRUE(chmod(0600));
  EXPECT_EQ(fs->getattr(node)->st.st_mtim.tv_nsec, written.tv_nsec);
  ASSERT_TRUE(fs->setattr(node, times));
  EXPECT_EQ(fs->getattr(node)->st.st_mtim.tv_sec, 7);
  ASSERT_TRUE(fs->setattr(node, now));
  const timespec touched = fs->getattr(node)->st.st_mtim;
  EXPECT_GT(touched.tv_sec, 2000);
  release();
  ASSERT_TRUE(fs->flush(file));
  EXPECT_EQ(scratch.stat("rw/d/f").st_mtim.tv_sec, touched.tv_sec);
  EXPECT_EQ(scratch.stat("rw/d/f").st_mtim.tv_nsec, touched.tv_nsec);
}

TEST_F(BackgroundAttributesTest, ReadingAndWritingGoOn) {
  ASSERT_TRUE(chmod(0400));
  const OpenFilePtr file = write(5, "new");
  std::string text(3, '\0');
  ASSERT_TRUE(fs->read(file, std::as_writable_bytes(std::span(text)), 5));
  EXPECT_EQ(text, "new");
  EXPECT_TRUE(fs->needs_flush(file));
  release();
  ASSERT_TRUE(fs->fsync(file, false));
  EXPECT_EQ(scratch.stat("rw/d/f").st_mode & 07777, 0400U);
  EXPECT_EQ(scratch.content("rw/d/f").substr(5, 3), "new");
}

// The rest of the copy would take them away again.
TEST_F(BackgroundAttributesTest, PrivilegesWait) {
  for (const bool written : {false, true}) {
    begin();
    if (written) write(0, "new");
    ASSERT_TRUE(chmod(04755));
    EXPECT_EQ(scratch.stat("rw/d/f").st_mode & 07777, 04755U);
    EXPECT_FALSE(fs->getattr(node)->passing);
  }
  begin();
  const std::string capability("\1\0\0\2\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20);
  const Status set = fs->setxattr(node, "security.capability", capability, 0);
  if (!set) GTEST_SKIP() << "no capabilities here";
  EXPECT_FALSE(fs->getattr(node)->passing);
  EXPECT_EQ(fs->getxattr(node, "security.capability")->size(), 20U);
  close();
  ASSERT_EQ(0, ::chmod(scratch.at("ro/d/f").c_str(), 02755));
  begin();
  ASSERT_TRUE(chmod(0755));
  EXPECT_FALSE(fs->getattr(node)->passing);
}

TEST_F(BackgroundAttributesTest, WhatFailsChangesNothing) {
  const Look old = look_at(*fs, node);
  EXPECT_TRUE(failed_with(fs->setxattr(node, "user.none", "x", XATTR_REPLACE), ENODATA));
  EXPECT_TRUE(failed_with(fs->removexattr(node, "user.none"), ENODATA));
  EXPECT_EQ(look_at(*fs, node), old);
  ASSERT_TRUE(fs->removexattr(node, "user.old"));
  EXPECT_TRUE(failed_with(fs->removexattr(node, "user.old"), ENODATA));
  EXPECT_TRUE(failed_with(fs->getxattr(node, "user.old"), ENODATA));
}

TEST_F(BackgroundAttributesTest, AnUnlinkedFileKeepsThemWhileSomebodyHasIt) {
  ASSERT_TRUE(chmod(0600));
  ASSERT_TRUE(fs->unlink(dir, "f"));
  EXPECT_EQ(mode(), 0600U);
  // The thread has seen it when it comes to the next one.
  const NodePtr last = fs->lookup(fs->root(), "last")->node;
  ASSERT_TRUE(fs->setxattr(last, "user.new", "x", 0));
  release();
  wait_for("last");
  EXPECT_EQ(mode(), 0600U);
  EXPECT_EQ(fs->getattr(node)->st.st_nlink, 0U);
  ASSERT_TRUE(chmod(0640));
  EXPECT_EQ(mode(), 0640U);
  EXPECT_EQ(scratch.stat("ro/d/f").st_mode & 07777, 0644U);
  const WeakNodePtr left = node;
  node.reset();
  EXPECT_TRUE(left.expired());
  ASSERT_TRUE(fs->finish_copy_ups());
  EXPECT_FALSE(scratch.exists("rw/d/f"));
  EXPECT_TRUE(scratch.exists("rw/d/.wh.f"));
}

TEST_F(BackgroundAttributesTest, RenamesAndLinksTakeThemAlong) {
  ASSERT_TRUE(chmod(0600));
  ASSERT_TRUE(fs->rename(dir, "f", fs->root(), "g", 0));
  EXPECT_EQ(scratch.stat("rw/g").st_mode & 07777, 0600U);
  begin();
  ASSERT_TRUE(chmod(0600));
  ASSERT_TRUE(fs->link(node, fs->root(), "g"));
  EXPECT_EQ(scratch.stat("rw/g").st_mode & 07777, 0600U);
  begin();
  ASSERT_TRUE(chmod(0600));
  const NodePtr other = fs->lookup(fs->root(), "last")->node;
  ASSERT_TRUE(fs->rename(fs->root(), "last", dir, "f", 0));
  release();
  ASSERT_TRUE(fs->finish_copy_ups());
  EXPECT_NE(scratch.stat("rw/d/f").st_mode & 07777, 0600U);
  EXPECT_EQ(fs->lookup(dir, "f")->node, other);
}

TEST_F(BackgroundAttributesTest, ANodeThatIsForgottenIsFoundAgain) {
  ASSERT_TRUE(chmod(0600));
  node.reset();
  node = fs->lookup(dir, "f")->node;
  EXPECT_EQ(mode(), 0600U);
  node.reset();
  release();
  ASSERT_TRUE(fs->finish_copy_ups());
  EXPECT_EQ(scratch.stat("rw/d/f").st_mode & 07777, 0600U);
}

TEST_F(BackgroundAttributesTest, AnErrorIsToldByTheNextChangeAndAtTheEnd) {
  close();
  scratch.dir("rw/d");
  open();
  // The name cannot be had: something takes it behind the union.
  scratch.file("rw/d/f", "theirs");
  release();
  ASSERT_TRUE(chmod(0600));
  EXPECT_TRUE(failed_with(fs->finish_copy_ups(), EEXIST));
  EXPECT_TRUE(failed_with(chmod(0640), EEXIST));
  EXPECT_TRUE(failed_with(fs->setxattr(node, "user.new", "x", 0), EEXIST));
  EXPECT_EQ(mode(), 0600U);
  EXPECT_TRUE(failed_with(fs->sync(), EEXIST));
  EXPECT_EQ(0, ::unlink(scratch.at("rw/d/f").c_str()));
  ASSERT_TRUE(fs->sync());
  EXPECT_EQ(scratch.stat("rw/d/f").st_mode & 07777, 0600U);
}

TEST_F(BackgroundAttributesTest, ChangesWritesAndCopyingAtOnce) {
  release();
  for (int round = 0; round < 20; ++round) {
    begin();
    release();
    const OpenFilePtr file = *fs->open(node, O_RDWR);
    std::vector<std::thread> threads;
    const auto repeat = [&](const std::function<void(int)>& work) {
      threads.emplace_back([work] {
        for (int i = 0; i < 100; ++i) work(i);
      });
    };
    repeat([&](int i) { ASSERT_TRUE(chmod(i % 2 == 0 ? 0600 : 0640)); });
    repeat([&](int i) { ASSERT_TRUE(fs->setxattr(node, "user.new", std::to_string(i), 0)); });
    repeat([&](int i) { ASSERT_TRUE(fs->write(file, bytes("new"), i * 20'000)); });
    repeat([&](int) {
      const Attr attr = *fs->getattr(node);
      ASSERT_NE(attr.st.st_mode & 0600, 0U);
      ASSERT_EQ(attr.st.st_nlink, 1U);
      ASSERT_EQ(attr.st.st_size, static_cast<off_t>(kSize));
    });
    for (std::thread& thread : threads) thread.join();
    SetAttr times;
    times.mtime = {7, 8};
    ASSERT_TRUE(fs->setattr(node, times));
    ASSERT_TRUE(fs->flush(file));
    const struct stat st = scratch.stat("rw/d/f");
    EXPECT_EQ(st.st_mode & 07777, 0640U);
    EXPECT_EQ(st.st_mtim.tv_sec, 7);
    EXPECT_EQ(*fs->getxattr(node, "user.new"), "99");
    std::string expected = original;
    for (std::size_t i = 0; i < 100; ++i) expected.replace(i * 20'000, 3, "new");
    EXPECT_TRUE(scratch.content("rw/d/f") == expected);
  }
}

}  // namespace
}  // namespace aufs
