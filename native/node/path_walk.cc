// SPDX-License-Identifier: MIT
#include "node/path_walk.h"

#include <climits>
#include <utility>

namespace aufs::node {
namespace {

constexpr int kMaxSymlinks = 40;  // as the kernel's MAXSYMLINKS
constexpr const char* kWhat = "lookup";

struct Step {
  Found found;
  std::string name;
};

// One walk. `rest_` is what is still to go, symlink targets put before it as they are met; `steps_` are the directories
// from the root to here, so that ".." is answered without asking and cannot leave the union.
class Walker {
 public:
  Walker(UnionFs& fs, Found root, std::string_view path) : fs_(fs), rest_(path) {
    steps_.push_back({std::move(root), ""});
  }

  Result<Walked> go(Last last) {
    for (;;) {
      const std::string name = take();
      if (name.empty()) return arrived_here();
      if (name == "." || name == "..") {
        if (name == ".." && steps_.size() > 1) steps_.pop_back();
        continue;
      }
      const bool is_last = rest_.find_first_not_of('/') == std::string::npos;
      AUFS_TRY(std::optional<Found> found, look_up(name));
      if (!found && !is_last) return Error{ENOENT, kWhat};
      if (found && S_ISLNK(found->attr.st.st_mode) && (!is_last || last == Last::kFollow || !rest_.empty())) {
        AUFS_CHECK(follow(found->node));
        continue;
      }
      if (is_last) return arrived(name, std::move(found));
      if (!S_ISDIR(found->attr.st.st_mode)) return Error{ENOTDIR, kWhat};
      steps_.push_back({*std::move(found), name});
    }
  }

 private:
  // The next component; empty at the end.
  std::string take() {
    const std::size_t begin = rest_.find_first_not_of('/');
    if (begin == std::string::npos) return {};
    const std::size_t end = rest_.find('/', begin);
    std::string name = rest_.substr(begin, end == std::string::npos ? end : end - begin);
    rest_ = end == std::string::npos ? std::string() : rest_.substr(end);
    return name;
  }

  Result<std::optional<Found>> look_up(const std::string& name) {
    Result<Found> found = fs_.lookup(steps_.back().found.node, name);
    if (found) return std::optional<Found>(*std::move(found));
    if (found.error().code == ENOENT) return std::optional<Found>();
    return found.error();
  }

  Status follow(const NodePtr& symlink) {
    if (++followed_ > kMaxSymlinks) return Error{ELOOP, kWhat};
    AUFS_TRY(const std::string target, fs_.readlink(symlink));
    if (target.empty()) return Error{ENOENT, kWhat};
    if (target.size() + rest_.size() >= PATH_MAX) return Error{ENAMETOOLONG, kWhat};
    if (target.front() == '/') steps_.resize(1);
    rest_.insert(0, target);
    return ok();
  }

  Walked arrived(const std::string& name, std::optional<Found> found) {
    return {steps_.back().found.node, name, std::move(found), !rest_.empty(), names()};
  }

  // The path ended in "." or "..", or was the root.
  Walked arrived_here() {
    const Found& here = steps_.back().found;
    return {here.node, ".", here, false, names()};
  }

  std::vector<std::string> names() const {
    std::vector<std::string> names;
    for (std::size_t i = 1; i < steps_.size(); i++) names.push_back(steps_[i].name);
    return names;
  }

  UnionFs& fs_;
  std::string rest_;
  std::vector<Step> steps_;
  int followed_ = 0;
};

}  // namespace

Result<Walked> walk(UnionFs& fs, std::string_view path, Last last) {
  if (path.empty()) return Error{ENOENT, kWhat};
  if (path.size() >= PATH_MAX) return Error{ENAMETOOLONG, kWhat};
  const NodePtr root = fs.root();
  AUFS_TRY(const Attr attr, fs.getattr(root));
  return Walker(fs, {root, attr}, path).go(last);
}

Result<Found> find(UnionFs& fs, std::string_view path, Last last) {
  AUFS_TRY(Walked walked, walk(fs, path, last));
  if (!walked.found) return Error{ENOENT, kWhat};
  if (walked.trailing_slash && !S_ISDIR(walked.found->attr.st.st_mode)) return Error{ENOTDIR, kWhat};
  return *std::move(walked.found);
}

Result<Found> NearbyPaths::find(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::size_t begin = slash == std::string::npos ? 0 : slash + 1;
  const std::string name = path.substr(begin);
  if (name.empty() || name == "." || name == ".." || path.size() >= PATH_MAX)
    return node::find(fs_, path, Last::kFollow);
  if (!parent_ || path.compare(0, begin, directory_) != 0) {
    parent_ = nullptr;
    directory_ = path.substr(0, begin);
    AUFS_TRY(Found directory, node::find(fs_, begin == 0 ? "/" : directory_, Last::kFollow));
    parent_ = std::move(directory.node);
  }
  Result<Found> found = fs_.lookup(parent_, name);
  if (found && S_ISLNK(found->attr.st.st_mode)) return node::find(fs_, path, Last::kFollow);
  return found;
}

Result<std::string> real_path(UnionFs& fs, std::string_view path) {
  AUFS_TRY(Walked walked, walk(fs, path, Last::kFollow));
  if (!walked.found) return Error{ENOENT, kWhat};
  if (walked.trailing_slash && !S_ISDIR(walked.found->attr.st.st_mode)) return Error{ENOTDIR, kWhat};
  std::string whole;
  for (const std::string& name : walked.names) whole.append("/").append(name);
  if (walked.name != ".") whole.append("/").append(walked.name);
  return whole.empty() ? "/" : whole;
}

}  // namespace aufs::node
