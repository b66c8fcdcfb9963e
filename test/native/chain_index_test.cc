// SPDX-License-Identifier: MIT
// A union with a chain index shows what it shows without; an index that is of something else is not used, and one that is damaged
// does no harm. Random operations with and without: union_parity_test.cc.
#include "union/chain_index.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <map>
#include <random>
#include <thread>

#include "find_path.h"
#include "scratch.h"
#include "union/chain_index_writer.h"

namespace aufs {
namespace {

using test::Scratch;

class ChainIndexTest : public testing::Test {
 protected:
  void SetUp() override {
    scratch.dir("rw");
    scratch.file("ro1/d/mine", "1");
    scratch.file("ro1/.wh.gone", "");
    scratch.file("ro1/o/.wh..wh..opq", "");
    scratch.file("ro1/o/mine", "x");
    scratch.file("ro1/cut", "a file over a directory");
    scratch.file("ro2/d/theirs", "22");
    scratch.file("ro2/d/mine", "hidden");
    scratch.file("ro2/gone", "x");
    scratch.file("ro2/o/theirs", "x");
    scratch.file("ro2/cut/below", "x");
    scratch.file("ro2/deep/er/est/file", "content");
    std::filesystem::create_symlink("d/mine", scratch.at("ro2/link"));
    std::filesystem::create_hard_link(scratch.at("ro2/deep/er/est/file"), scratch.at("ro2/deep/twin"));
    ASSERT_EQ(0, ::mkfifo(scratch.at("ro2/fifo").c_str(), 0640));
    ASSERT_EQ(0, ::chmod(scratch.at("ro2/deep").c_str(), 01751));
    const struct timespec times[2] = {{-5, 7}, {-3, 999'999'999}};
    ASSERT_EQ(0, ::utimensat(AT_FDCWD, scratch.at("ro2/d/theirs").c_str(), times, 0));
  }

  std::vector<BranchSpec> stack() const {
    return {{scratch.at("rw"), *parse_perm("rw")},
            {scratch.at("ro1"), *parse_perm("ro+wh")},
            {scratch.at("ro2"), *parse_perm("ro+wh")}};
  }
  std::string file() const { return scratch.at("index"); }
  Status write() {
    const std::vector<BranchSpec> all = stack();
    return write_chain_index({all.begin() + chain_base(all), all.end()}, file(), [] { return false; });
  }
  void open(bool indexed, UnionOptions options = {}) {
    fs.reset();
    if (indexed) options.chain_index = file();
    auto opened = UnionFs::open(stack(), options, nullptr);
    ASSERT_TRUE(opened) << std::strerror(opened.error().code);
    fs = *std::move(opened);
  }
  Result<Found> find(const std::string& path) { return test::find_path(*fs, path); }
  int error_of(const std::string& path) {
    const auto found = find(path);
    return found ? 0 : found.error().code;
  }
  std::vector<std::string> list(const std::string& path) {
    std::vector<std::string> names;
    const auto found = find(path);
    const auto entries = found ? fs->readdir(found->node) : found.error();
    if (!entries) return names;
    for (const DirEntry& entry : *entries) names.push_back(entry.name);
    std::sort(names.begin(), names.end());
    return names;
  }

  // Everything that stat(2) tells, by path. The root's own time of change moves when a union is opened for writing.
  using Tree = std::map<std::string, std::string>;
  void describe(const NodePtr& dir, const std::string& at, Tree& into) {
    const auto entries = fs->readdir(dir);
    if (!entries) return;
    for (const DirEntry& entry : *entries) {
      const auto found = fs->lookup(dir, entry.name);
      if (!found) continue;
      const std::string path = at + "/" + entry.name;
      into[path] = text_of(*found, entry);
      const auto again = fs->getattr(found->node);
      if (!again || text_of({found->node, *again}, entry) != into[path]) into[path] += " differs later";
      if (S_ISDIR(found->attr.st.st_mode)) describe(found->node, path, into);
    }
  }
  static std::string text_of(const Found& found, const DirEntry& entry) {
    const struct stat& st = found.attr.st;
    std::ostringstream text;
    text << static_cast<int>(entry.type) << ' ' << (entry.ino == st.st_ino) << ' ' << st.st_ino << ' '
         << std::oct << st.st_mode << std::dec << ' ' << st.st_nlink << ' ' << st.st_uid << ' ' << st.st_gid
         << ' ' << st.st_size << ' ' << st.st_blocks << ' ' << st.st_blksize << ' ' << st.st_rdev << ' '
         << st.st_dev;
    for (const struct timespec& time : {st.st_mtim, st.st_ctim, found.attr.btime})
      text << ' ' << time.tv_sec << '.' << time.tv_nsec;
    text << ' ' << found.attr.protection.immutable << found.attr.protection.append_only;
    return text.str();
  }
  Tree tree() {
    Tree all;
    describe(fs->root(), "", all);
    return all;
  }
  std::string read(const std::string& path) {
    const auto found = find(path);
    const auto opened = found ? fs->open(found->node, O_RDONLY) : found.error();
    if (!opened) return std::strerror(opened.error().code);
    std::string text(100, '\0');
    const auto got = fs->read(*opened, std::as_writable_bytes(std::span(text)), 0);
    text.resize(got ? *got : 0);
    return text;
  }

  Scratch scratch;
  std::unique_ptr<UnionFs> fs;
};

using Names = std::vector<std::string>;

TEST_F(ChainIndexTest, ShowsWhatTheBranchesDo) {
  open(false);
  const Tree without = tree();
  ASSERT_TRUE(write());
  open(true);
  ASSERT_TRUE(fs->uses_chain_index());
  EXPECT_EQ(tree(), without);
  EXPECT_EQ(read("d/theirs"), "22");
  EXPECT_EQ(*fs->readlink(find("link")->node), "d/mine");
  EXPECT_EQ(error_of("gone"), ENOENT);
  EXPECT_EQ(error_of("cut/below"), ENOTDIR);
  EXPECT_TRUE(fs->uses_chain_index());
}

TEST_F(ChainIndexTest, AnswersWithoutTheBranches) {
  ASSERT_TRUE(write());
  open(true);
  ASSERT_EQ(0, ::rename(scratch.at("ro2/deep/er").c_str(), scratch.at("ro2/deep/else").c_str()));
  EXPECT_EQ(list("deep"), (Names{"er", "twin"}));
  EXPECT_EQ(list("deep/er/est"), (Names{"file"}));
  EXPECT_EQ(find("deep/er/est/file")->attr.st.st_size, 7);
  EXPECT_EQ(error_of("deep/er/absent"), ENOENT);
}

TEST_F(ChainIndexTest, WritableBranchCoversIt) {
  scratch.file("rw/d/upper", "u");
  scratch.file("rw/.wh.link", "");
  scratch.file("rw/o", "a file now");
  ASSERT_TRUE(write());
  open(true);
  EXPECT_EQ(list("d"), (Names{"mine", "theirs", "upper"}));
  EXPECT_EQ(error_of("link"), ENOENT);
  EXPECT_TRUE(S_ISREG(find("o")->attr.st.st_mode));
  ASSERT_TRUE(fs->unlink(find("d")->node, "theirs"));
  ASSERT_TRUE(fs->copy_up(find("d/mine")->node));
  EXPECT_EQ(list("d"), (Names{"mine", "upper"}));
  EXPECT_EQ(fs->branch_of(find("d/mine")->node), 0);
  EXPECT_EQ(find("deep/er/est/file")->attr.st.st_nlink, 2U);
  ASSERT_TRUE(fs->unlink(find("deep")->node, "twin"));
  EXPECT_EQ(find("deep/er/est/file")->attr.st.st_nlink, 1U);
}

TEST_F(ChainIndexTest, IsOfItsBranchesAsTheyWere) {
  EXPECT_TRUE(failed_with(ChainIndex::open(file().c_str(), std::vector<Branch>()), ENOENT));
  ASSERT_TRUE(write());
  const auto uses = [&](const std::vector<BranchSpec>& branches, UnionOptions options = {}) {
    options.chain_index = file();
    auto opened = UnionFs::open(branches, options, nullptr);
    EXPECT_TRUE(opened);
    return opened && (*opened)->uses_chain_index();
  };
  EXPECT_TRUE(uses(stack()));
  std::vector<BranchSpec> others = stack();
  std::swap(others[1].path, others[2].path);
  EXPECT_FALSE(uses(others)) << "the order";
  others = stack();
  others[2].perm = *parse_perm("ro");
  EXPECT_FALSE(uses(others)) << "whether whiteouts count";
  others = stack();
  others.pop_back();
  EXPECT_FALSE(uses(others)) << "fewer";
  others = stack();
  others.erase(others.begin());
  EXPECT_TRUE(uses(others)) << "without the writable one";
  UnionOptions careful;
  careful.revalidate = true;
  EXPECT_FALSE(uses(stack(), careful));
  UnionOptions showing;
  showing.show_whiteouts = true;
  EXPECT_FALSE(uses(stack(), showing));
  // Whoever opens a branch for writing may change it.
  others = stack();
  others.erase(others.begin());
  others[0].perm = *parse_perm("rw");
  EXPECT_FALSE(uses(others));
  EXPECT_FALSE(uses(stack()));
  ASSERT_TRUE(write());
  EXPECT_TRUE(uses(stack()));
}

TEST_F(ChainIndexTest, FileThatWasChangedInPlaceIsNoticedWhenItIsOpened) {
  ASSERT_TRUE(write());
  scratch.file("ro2/deep/er/est/file", "more content than before");
  open(true);
  ASSERT_TRUE(fs->uses_chain_index());
  const auto found = find("deep/er/est/file");
  ASSERT_TRUE(found);
  EXPECT_FALSE(fs->has_wrong_chain_index());
  EXPECT_TRUE(failed_with(fs->open(found->node, O_RDONLY), ESTALE));
  EXPECT_TRUE(fs->has_wrong_chain_index());
  EXPECT_EQ(find("deep/er/est/file")->attr.st.st_size, 24);
  EXPECT_EQ(read("deep/er/est/file"), "more content than before");
}

TEST_F(ChainIndexTest, DirectoryThatWasChangedIsNoticedASecondLate) {
  ASSERT_TRUE(write());
  scratch.file("ro2/deep/er/new", "x");
  open(true);
  EXPECT_EQ(list("deep/er"), (Names{"est"}));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(list("deep/er"), (Names{"est", "new"}));
  EXPECT_TRUE(fs->has_wrong_chain_index());
}

TEST_F(ChainIndexTest, ChangedStackHasNone) {
  ASSERT_TRUE(write());
  open(true);
  const Tree before = tree();
  scratch.file("extra/added", "x");
  StackChange change;
  ASSERT_TRUE(fs->insert_branch(1, {scratch.at("extra"), *parse_perm("ro+wh")}, change));
  EXPECT_FALSE(fs->uses_chain_index());
  EXPECT_FALSE(fs->has_wrong_chain_index());
  EXPECT_EQ(error_of("added"), 0);
  ASSERT_TRUE(fs->remove_branch(scratch.at("extra"), {}, change));
  EXPECT_EQ(tree(), before);
  // What is found to differ then says nothing about the index.
  scratch.file("ro2/deep/er/new", "x");
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_EQ(list("deep/er"), (Names{"est", "new"}));
  EXPECT_FALSE(fs->has_wrong_chain_index());
}

TEST_F(ChainIndexTest, WriterLeavesTheOlderOneWhenItEnds) {
  ASSERT_TRUE(write());
  const std::string old = scratch.content("index");
  const std::vector<BranchSpec> all = stack();
  const std::vector<BranchSpec> chain(all.begin() + 1, all.end());
  EXPECT_TRUE(failed_with(write_chain_index(chain, file(), [] { return true; }), ECANCELED));
  EXPECT_EQ(scratch.content("index"), old);
  EXPECT_TRUE(failed_with(write_chain_index(chain, scratch.at("none/index"), [] { return false; }), ENOENT));
  EXPECT_EQ(scratch.stat("index").st_mode & 07777, 0600U);
  const struct timespec late[2] = {{0, UTIME_OMIT}, {20'000'000'000, 0}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, scratch.at("ro2/d/theirs").c_str(), late, 0));
  struct stat st {};
  ASSERT_EQ(0, ::stat(scratch.at("ro2/d/theirs").c_str(), &st));
  if (st.st_mtim.tv_sec == 20'000'000'000) {
    EXPECT_TRUE(failed_with(write(), ERANGE));
  }
}

// Whatever the file holds: it is refused, or what it says is looked at with care.
TEST_F(ChainIndexTest, DamagedFilesDoNoHarm) {
  ASSERT_TRUE(write());
  const std::string whole = scratch.content("index");
  for (std::size_t size = 0; size < whole.size(); size += 13) {
    scratch.file("index", whole.substr(0, size));
    open(true);
    EXPECT_FALSE(fs->uses_chain_index()) << size;
  }
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes = whole;
    for (auto damages = 1 + random() % 3; damages > 0; --damages)
      bytes[random() % bytes.size()] = static_cast<char>(random());
    scratch.file("index", bytes);
    open(true);
    const auto top = fs->readdir(fs->root());
    if (!top) continue;
    for (const DirEntry& entry : *top) {
      const auto found = fs->lookup(fs->root(), entry.name);
      if (found && S_ISDIR(found->attr.st.st_mode)) (void)fs->readdir(found->node);
    }
  }
}

// A directory that is said to be the root would be its own parent: kept for ever, and without an end for whoever goes up.
TEST_F(ChainIndexTest, NoEntryIsTheRoot) {
  ASSERT_TRUE(write());
  const auto bytes_of = [](ino_t ino) {
    return std::string(reinterpret_cast<const char*>(&ino), sizeof ino);
  };
  std::string bytes = scratch.content("index");
  const std::string deep = bytes_of(scratch.stat("ro2/deep").st_ino);
  const std::string root = bytes_of(scratch.stat("rw").st_ino);
  std::size_t replaced = 0;
  for (auto at = bytes.find(deep); at != std::string::npos; at = bytes.find(deep, at + 1), ++replaced)
    bytes.replace(at, deep.size(), root);
  ASSERT_GT(replaced, 0U);
  scratch.file("index", bytes);
  open(true);
  const auto found = find("deep");
  ASSERT_TRUE(found);
  EXPECT_NE(found->node, fs->root());
  EXPECT_EQ(*fs->path_of(found->node), "deep");
  EXPECT_EQ(*fs->path_of(fs->root()), "");
}

TEST_F(ChainIndexTest, ManyBranchesAndALargeDirectory) {
  std::vector<BranchSpec> many{{scratch.at("rw"), *parse_perm("rw")}};
  for (int i = 0; i < 40; ++i) {
    const std::string branch = "b" + std::to_string(i);
    for (int k = 0; k < 30; ++k) {
      scratch.file(branch + "/shared/f" + std::to_string(i * 30 + k), "x");
    }
    many.push_back({scratch.at(branch), *parse_perm("ro+wh")});
  }
  ASSERT_TRUE(write_chain_index({many.begin() + 1, many.end()}, file(), [] { return false; }));
  UnionOptions options;
  options.chain_index = file();
  auto opened = UnionFs::open(many, options, nullptr);
  ASSERT_TRUE(opened);
  fs = *std::move(opened);
  ASSERT_TRUE(fs->uses_chain_index());
  EXPECT_EQ(list("shared").size(), 1200U);
  EXPECT_EQ(fs->branch_of(find("shared/f1199")->node), 40);
  EXPECT_EQ(read("shared/f1199"), "x");
}

}  // namespace
}  // namespace aufs
