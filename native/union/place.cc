// SPDX-License-Identifier: MIT
#include <fcntl.h>

#include <algorithm>

#include "sys/file_io.h"
#include "union/engine.h"
#include "union/whiteout.h"

namespace aufs {
namespace {

constexpr std::size_t kNameMax = 255;  // of every file system that can be a branch

// The cached descriptor; null if it has to be opened. ESTALE if the directory has no such layer.
Result<SharedFd> cached_fd(Directory& dir, BranchIndex branch) {
  const std::lock_guard guard(dir.layers_mutex);
  for (DirLayer& layer : dir.layers) {
    if (layer.branch != branch) continue;
    layer.used = true;
    return layer.fd;
  }
  return Error{ESTALE, "branch_directory"};
}

void remember_fd(Directory& dir, BranchIndex branch, const SharedFd& fd) {
  const std::lock_guard guard(dir.layers_mutex);
  for (DirLayer& layer : dir.layers) {
    if (layer.branch == branch) layer.fd = fd;
  }
}

}  // namespace

Result<SharedFd> dir_fd(Engine& engine, const NodePtr& dir, BranchIndex branch) {
  AUFS_TRY(const SharedFd cached, cached_fd(*dir->dir, branch));
  if (cached) return cached;
  if (dir->names.empty()) return Error{ESTALE, "branch_directory"};
  const Name& name = dir->names.front();
  AUFS_TRY(const SharedFd parent, dir_fd(engine, name.parent, branch));
  AUFS_TRY(UniqueFd opened,
           sys::open_at(parent->get(), name.name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  const SharedFd fd = share(std::move(opened));
  remember_fd(*dir->dir, branch, fd);
  engine.dir_fds.opened(dir, branch);
  return fd;
}

bool has_layer(const Node& dir, BranchIndex branch) {
  const std::lock_guard guard(dir.dir->layers_mutex);
  return std::any_of(dir.dir->layers.begin(), dir.dir->layers.end(),
                     [&](const DirLayer& layer) { return layer.branch == branch; });
}

BranchIndex top_branch(const Node& dir) {
  const std::lock_guard guard(dir.dir->layers_mutex);
  return dir.dir->layers.front().branch;
}

Status set_root_layers(Engine& engine) {
  std::vector<DirLayer> layers;
  layers.reserve(engine.branches.size());
  for (std::size_t i = 0; i < engine.branches.size(); ++i) {
    // A second descriptor of the root: the layer owns it and never gives it up, for no slot of DirFdCache names it.
    AUFS_TRY(UniqueFd fd, sys::open_at(engine.branches[i].root.get(), ".", O_PATH | O_DIRECTORY));
    layers.push_back({static_cast<BranchIndex>(i), share(std::move(fd)), true});
  }
  const std::lock_guard guard(engine.root->dir->layers_mutex);
  engine.root->dir->layers = std::move(layers);
  return ok();
}

Status make_root(Engine& engine) {
  const Branch& top = engine.branches.front();
  engine.root = engine.inodes->intern(engine.numbers.number(top.dev, top.root_ino), S_IFDIR, [](Node&) {});
  if (engine.chain) engine.root->dir->record = 0;
  return set_root_layers(engine);
}

std::vector<BranchIndex> layer_branches(const Node& dir) {
  std::vector<BranchIndex> branches;
  const std::lock_guard guard(dir.dir->layers_mutex);
  branches.reserve(dir.dir->layers.size());
  for (const DirLayer& layer : dir.dir->layers) branches.push_back(layer.branch);
  return branches;
}

bool set_layers(Node& dir, const std::vector<BranchIndex>& branches) {
  const std::lock_guard guard(dir.dir->layers_mutex);
  auto& layers = dir.dir->layers;
  const bool same =
      std::equal(layers.begin(), layers.end(), branches.begin(), branches.end(),
                 [](const DirLayer& layer, BranchIndex branch) { return layer.branch == branch; });
  if (same) return false;
  std::vector<DirLayer> fresh;
  fresh.reserve(branches.size());
  for (const BranchIndex branch : branches) {
    const auto known = std::find_if(layers.begin(), layers.end(),
                                    [&](const DirLayer& layer) { return layer.branch == branch; });
    fresh.push_back(known == layers.end() ? DirLayer{branch, nullptr, false} : *known);
  }
  layers = std::move(fresh);
  return true;
}

Result<Place> locate(Engine& engine, const NodePtr& node) {
  if (node->is_dir()) {
    AUFS_TRY(SharedFd fd, dir_fd(engine, node, top_branch(*node)));
    return Place::in(std::move(fd), "");
  }
  if (const SharedFd& pinned = node->rare().pin) return Place::in(pinned, "");
  if (node->grouped) {
    if (const auto group = engine.hard_links.find(node->ino)) {
      return Place::in(group->directory, group->file);
    }
  }
  if (node->names.empty()) return Error{ENOENT, "branch_file"};
  AUFS_TRY(SharedFd fd, dir_fd(engine, node->names.front().parent, node->branch));
  return Place::in(std::move(fd), node->names.front().name);
}

Status pin(Engine& engine, const NodePtr& node) {
  if (node->rare().pin) return ok();
  AUFS_TRY(const Place place, locate(engine, node));
  AUFS_TRY(UniqueFd fd, sys::open_at(place.fd, place.name.empty() ? "." : place.leaf(), O_PATH | O_NOFOLLOW));
  node->change_rare().pin = share(std::move(fd));
  return ok();
}

Result<std::string> path_of(const NodePtr& node) {
  std::vector<std::string> parts;
  for (NodePtr at = node;;) {
    Name name;
    {
      const std::shared_lock guard(at->state);
      if (at->names.empty()) break;  // the root, or a node without a name left
      name = at->names.front();
    }
    parts.push_back(std::move(name.name));
    at = std::move(name.parent);
  }
  std::string path;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    if (!path.empty()) path += '/';
    path += *part;
  }
  return path;
}

std::size_t name_max() {
  return kNameMax - whiteout::kPrefix.size();
}

Status check_name(const Engine&, std::string_view name) {
  if (name.empty()) return Error{ENOENT, "name"};
  if (name.size() > kNameMax) return Error{ENAMETOOLONG, "name"};
  if (whiteout::classify(name) != whiteout::Kind::kNone) return Error{EPERM, "name"};
  return ok();
}

Status check_new_name(const Engine& engine, std::string_view name) {
  if (name == "." || name == "..") return Error{EEXIST, "name"};
  return check_name(engine, name);
}

}  // namespace aufs
