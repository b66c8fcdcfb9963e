// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "union/hardlink.h"
#include "union/inode_numbers.h"
#include "union/inode_table.h"
#include "union/lookup_cache.h"
#include "union/node.h"

namespace aufs {

// The state of one union that all parts of the engine work on. The parts are free functions in files of their own
// (lookup, create, copy_up, remove, rename, …); UnionFs is the façade over them. Lock order: node.h.
struct Engine {
  Engine(std::vector<Branch> stack, UnionOptions opts);

  const std::vector<Branch> branches;
  const UnionOptions options;
  const BranchIndex writable;  // the topmost writable branch, or kNoBranch
  const uid_t euid;
  const gid_t egid;

  std::shared_mutex tree_lock;
  std::mutex rename_mutex;

  const std::shared_ptr<InodeTable> inodes = std::make_shared<InodeTable>();
  InodeNumbers numbers{branches};
  LookupCache lookup_cache;
  DirFdCache dir_fds;
  HardLinks hard_links;
  NodePtr root;
  std::atomic<std::uint64_t> temporary_names{0};

  const Branch& upper() const { return branches[static_cast<std::size_t>(writable)]; }
  const Branch& branch(BranchIndex index) const { return branches[static_cast<std::size_t>(index)]; }
};

// Where a file can be reached: `name` in the directory `fd`, or, with an empty name, `fd` itself.
struct Place {
  int fd;  // borrowed from `owner`, or, without one, from the caller
  std::string name;
  SharedFd owner;

  static Place in(SharedFd dir, std::string name) {
    const int fd = dir->get();
    return Place{fd, std::move(name), std::move(dir)};
  }
  static Place borrowed(int fd, std::string name = {}) { return Place{fd, std::move(name), nullptr}; }
  const char* leaf() const noexcept { return name.c_str(); }
};

inline SharedFd share(UniqueFd fd) {
  return std::make_shared<const UniqueFd>(std::move(fd));
}

// --- place.cc
// The descriptor (O_PATH) of `dir` in `branch`. Errors: ESTALE if the branch was edited behind our back.
Result<SharedFd> dir_fd(Engine& engine, const NodePtr& dir, BranchIndex branch);
Result<SharedFd> upper_fd(Engine& engine, const NodePtr& dir);
BranchIndex top_branch(const Node& dir);
std::vector<BranchIndex> layer_branches(const Node& dir);
// Where the backing file of `node` is. The caller holds node->state (not needed for a directory).
Result<Place> locate(Engine& engine, const NodePtr& node);
// Pins `node` to its inode before it loses its last name. The caller holds node->state exclusively.
Status pin(Engine& engine, const NodePtr& node);
// Path from the root by one of the node's names, without a leading slash.
Result<std::string> path_of(const NodePtr& node);

// Refuses what cannot be a name: too long, empty, or reserved. Whether it exists does not matter.
Status check_name(const Engine& engine, std::string_view name);
std::size_t name_max();

}  // namespace aufs
