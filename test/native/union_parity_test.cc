// SPDX-License-Identifier: MIT
// The union of branches that together hold a tree must behave as a plain directory that holds the same tree. Random
// operations are done to both; errno and, from time to time, the whole trees are compared, and the union is opened anew.
#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>

#include <cstdio>
#include <cstring>
#include <map>
#include <random>

#include "scratch.h"
#include "union/chain_index_writer.h"
#include "union/union_fs.h"

namespace aufs {
namespace {

using test::Scratch;

constexpr int kSteps = 400;

class Parity {
 public:
  Parity(unsigned seed, int branches) : random_(seed), branches_(branches) {
    fill();
    reopen();
  }

  void run() {
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      step();
      if (pick(40) == 0) compare_trees();
      if (pick(60) == 0) reopen();
    }
    compare_trees();
    reopen();
    compare_trees();
  }
  const std::string& story() const { return story_; }

 private:
  unsigned pick(unsigned n) { return static_cast<unsigned>(random_() % n); }
  std::string plain(const std::string& path) const { return scratch_.at("plain" + path); }

  // Each entry lies in one to all branches; the plain tree is what a union of them shows.
  void fill() {
    scratch_.dir("plain");
    for (int b = 0; b < branches_; ++b) scratch_.dir("b" + std::to_string(b));
    for (const char* dir : {"/a", "/a/a", "/a/b", "/b", "/c", "/c/a", "/c/a/b"}) {
      scratch_.dir("plain" + std::string(dir));
      for (int b = 0; b < branches_; ++b) {
        if (b > 0 && (b == branches_ - 1 || pick(2) == 0)) scratch_.dir("b" + std::to_string(b) + dir);
      }
    }
    for (const char* file : {"/a/c", "/a/a/d", "/b/a", "/b/b", "/c/a/b/c", "/c/d", "/d"}) {
      const std::string content = std::string(file) + std::string(pick(3000), 'x');
      scratch_.file("plain" + std::string(file), content);
      const int home = 1 + static_cast<int>(pick(static_cast<unsigned>(branches_ - 1)));
      scratch_.file("b" + std::to_string(home) + file, content);
      if (home + 1 < branches_) scratch_.file("b" + std::to_string(home + 1) + file, "hidden");
    }
  }

  void reopen() {
    story_ += "reopen\n";
    fs_.reset();
    std::vector<BranchSpec> specs;
    for (int b = 0; b < branches_; ++b) {
      specs.push_back({scratch_.at("b" + std::to_string(b)), *parse_perm(b == 0 ? "rw" : "ro+wh")});
    }
    UnionOptions options;
    options.sync_copy_up = false;
    options.max_cached_names = pick(2) == 0 ? 10 : 100'000;
    const bool indexed = pick(2) == 0;
    if (indexed) {
      options.chain_index = scratch_.at("index");
      const std::vector<BranchSpec> chain(specs.begin() + 1, specs.end());
      ASSERT_TRUE(write_chain_index(chain, options.chain_index, [] { return false; }));
    }
    auto opened = UnionFs::open(specs, options, nullptr);
    ASSERT_TRUE(opened);
    fs_ = *std::move(opened);
    EXPECT_EQ(fs_->uses_chain_index(), indexed);
  }

  std::string some_path() {
    std::string path;
    for (unsigned depth = 1 + pick(3); depth > 0; --depth)
      path += std::string("/") + static_cast<char>('a' + pick(4));
    return path;
  }

  struct At {
    NodePtr parent;
    std::string name;
  };
  Result<At> parent_of(const std::string& path) {
    NodePtr at = fs_->root();
    std::size_t begin = 1;
    for (std::size_t end = path.find('/', begin); end != std::string::npos; end = path.find('/', begin)) {
      AUFS_TRY(const Found found, fs_->lookup(at, path.substr(begin, end - begin)));
      if (S_ISLNK(found.attr.st.st_mode)) return Error{ENOENT, "walk"};  // all symlinks here dangle
      if (!S_ISDIR(found.attr.st.st_mode)) return Error{ENOTDIR, "walk"};
      at = found.node;
      begin = end + 1;
    }
    return At{at, path.substr(begin)};
  }
  Result<Found> find(const std::string& path) {
    AUFS_TRY(const At at, parent_of(path));
    return fs_->lookup(at.parent, at.name);
  }

  template <typename T>
  static int code_of(const Result<T>& result) {
    return result ? 0 : result.error().code;
  }
  static int code_of(long result) { return result < 0 ? errno : 0; }

  void expect_same(const std::string& what, int ours, int theirs) {
    story_ += what + " -> " + std::to_string(theirs) + "\n";
    EXPECT_EQ(ours, theirs) << what << ": " << std::strerror(ours) << " instead of " << std::strerror(theirs);
  }

  template <typename Ours>
  int at_parent(const std::string& path, Ours&& ours) {
    auto at = parent_of(path);
    return at ? code_of(ours(*at)) : at.error().code;
  }

  void step() {
    const std::string path = some_path();
    const std::string other = some_path();
    switch (pick(11)) {
      case 0: return write(path);
      case 1: return write(path);
      case 2:
        return expect_same("mkdir " + path,
                           at_parent(path, [&](At& at) { return fs_->mkdir(at.parent, at.name, 0755, me_); }),
                           code_of(::mkdir(plain(path).c_str(), 0755)));
      case 3:
        return expect_same("unlink " + path,
                           at_parent(path, [&](At& at) { return fs_->unlink(at.parent, at.name); }),
                           code_of(::unlink(plain(path).c_str())));
      case 4:
        return expect_same("rmdir " + path,
                           at_parent(path, [&](At& at) { return fs_->rmdir(at.parent, at.name); }),
                           code_of(::rmdir(plain(path).c_str())));
      case 5:
      case 6: return rename(path, other, 0);
      case 7: return rename(path, other, pick(2) == 0 ? RENAME_NOREPLACE : RENAME_EXCHANGE);
      case 8: return link(path, other);
      case 9: return symlink(path);
      default: return truncate(path);
    }
  }

  void write(const std::string& path) {
    const std::string text = "w" + std::to_string(pick(1000)) + std::string(pick(200), 'y');
    const off_t offset = pick(100);
    int ours = 0;
    auto at = parent_of(path);
    if (!at) {
      ours = at.error().code;
    } else if (auto file = fs_->create(at->parent, at->name, O_RDWR | O_CREAT | O_NOFOLLOW, 0644, me_)) {
      ours = code_of(fs_->write(file->file, std::as_bytes(std::span(text)), offset));
    } else {
      ours = file.error().code;
    }
    const int fd = ::open(plain(path).c_str(), O_RDWR | O_CREAT | O_NOFOLLOW, 0644);
    int theirs = code_of(fd);
    if (fd >= 0) {
      theirs = code_of(::pwrite(fd, text.data(), text.size(), offset));
      ::close(fd);
    }
    expect_same("write " + path, ours, theirs);
  }

  void rename(const std::string& from, const std::string& to, unsigned flags) {
    int ours = 0;
    auto source = parent_of(from);
    auto target = parent_of(to);
    if (!source) ours = source.error().code;
    else if (!target) ours = target.error().code;
    else ours = code_of(fs_->rename(source->parent, source->name, target->parent, target->name, flags));
    const int theirs =
        code_of(::syscall(SYS_renameat2, AT_FDCWD, plain(from).c_str(), AT_FDCWD, plain(to).c_str(), flags));
    expect_same("rename " + from + " " + to + " flags " + std::to_string(flags), ours, theirs);
  }

  void link(const std::string& from, const std::string& to) {
    int ours = 0;
    auto source = find(from);
    if (!source) ours = source.error().code;
    else ours = at_parent(to, [&](At& at) { return fs_->link(source->node, at.parent, at.name); });
    const int theirs = code_of(::link(plain(from).c_str(), plain(to).c_str()));
    // The kernel looks at the new name before it refuses a directory; both answers are right.
    if (ours != theirs && (ours == EPERM || theirs == EPERM)) return;
    expect_same("link " + from + " " + to, ours, theirs);
  }

  void symlink(const std::string& path) {
    expect_same("symlink " + path,
                at_parent(path, [&](At& at) { return fs_->symlink(at.parent, at.name, "x", me_); }),
                code_of(::symlink("x", plain(path).c_str())));
  }

  void truncate(const std::string& path) {
    auto found = find(path);
    struct stat st {};
    const int theirs = code_of(::lstat(plain(path).c_str(), &st));
    expect_same("lstat " + path, code_of(found), theirs);
    if (!found || !S_ISREG(st.st_mode)) return;
    SetAttr change;
    change.size = pick(500);
    change.mode = 0600 + pick(64);
    EXPECT_EQ(0, code_of(fs_->setattr(found->node, change)));
    EXPECT_EQ(0, ::truncate(plain(path).c_str(), *change.size));
    EXPECT_EQ(0, ::chmod(plain(path).c_str(), *change.mode));
    story_ += "truncate " + path + " " + std::to_string(*change.size) + "\n";
  }

  using Tree = std::map<std::string, std::string>;

  static std::string describe(const struct stat& st, const std::string& content) {
    const std::string links = S_ISDIR(st.st_mode) ? "" : " links " + std::to_string(st.st_nlink);
    return std::to_string(st.st_mode) + links + " " + content;
  }

  std::string content_of(const Found& found) {
    if (S_ISLNK(found.attr.st.st_mode)) return *fs_->readlink(found.node);
    if (!S_ISREG(found.attr.st.st_mode)) return "";
    auto file = fs_->open(found.node, O_RDONLY);
    EXPECT_TRUE(file);
    std::string text(static_cast<std::size_t>(found.attr.st.st_size) + 1, '\0');
    auto n = fs_->read(*file, std::as_writable_bytes(std::span(text)), 0);
    EXPECT_TRUE(n);
    text.resize(*n);
    return text;
  }

  void read_union(const NodePtr& dir, const std::string& path, Tree& into) {
    auto entries = fs_->readdir(dir);
    ASSERT_TRUE(entries);
    for (const DirEntry& entry : *entries) {
      auto found = fs_->lookup(dir, entry.name);
      ASSERT_TRUE(found) << path << "/" << entry.name;
      EXPECT_EQ(found->attr.st.st_ino, entry.ino);
      into[path + "/" + entry.name] = describe(found->attr.st, content_of(*found));
      if (S_ISDIR(found->attr.st.st_mode)) read_union(found->node, path + "/" + entry.name, into);
    }
  }

  void read_plain(const std::string& path, Tree& into) {
    for (const auto& entry : std::filesystem::directory_iterator(plain(path))) {
      const std::string name = path + "/" + entry.path().filename().string();
      const struct stat st = scratch_.stat("plain" + name);
      std::string content;
      if (S_ISLNK(st.st_mode)) content = std::filesystem::read_symlink(entry.path()).string();
      else if (S_ISREG(st.st_mode)) content = scratch_.content("plain" + name);
      into[name] = describe(st, content);
      if (S_ISDIR(st.st_mode)) read_plain(name, into);
    }
  }

  void compare_trees() {
    story_ += "compare\n";
    Tree ours;
    Tree theirs;
    read_union(fs_->root(), "", ours);
    read_plain("", theirs);
    EXPECT_EQ(ours, theirs);
  }

  std::mt19937 random_;
  const int branches_;
  const Scratch scratch_;
  const Caller me_{::geteuid(), ::getegid()};
  std::unique_ptr<UnionFs> fs_;
  std::string story_;
};

TEST(UnionParity, RandomOperationsAgreeWithAPlainDirectory) {
  const char* wanted = std::getenv("SEED");
  const char* many = std::getenv("AUFS_TEST_LONG");
  const unsigned first = wanted != nullptr ? static_cast<unsigned>(std::atoi(wanted)) : 1;
  const unsigned last = wanted != nullptr ? first : many != nullptr ? 2000 : 60;
  for (unsigned seed = first; seed <= last; ++seed) {
    Parity parity(seed, 2 + static_cast<int>(seed % 3));
    parity.run();
    ASSERT_FALSE(HasFailure()) << "SEED=" << seed << "\n" << parity.story();
  }
}

}  // namespace
}  // namespace aufs
