// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "union/background_copies.h"
#include "union/chain_index.h"
#include "union/free_space.h"
#include "union/hardlink.h"
#include "union/inode_numbers.h"
#include "union/inode_table.h"
#include "union/lookup_cache.h"
#include "union/node.h"

namespace aufs {

// Whether the chain index is believed. It never is again.
enum class ChainTrust : std::uint8_t {
  kFull,
  kOtherStack,  // the stack was changed: it is of other branches
  kWrong,       // a branch was found to be not as it says
};

// The state of one union that all parts of the engine work on. The parts are free functions in files of their own
// (lookup, create, copy_up, remove, rename, …); UnionFs is the façade over them. Lock order: node.h.
struct Engine {
  Engine(std::vector<Branch> stack, UnionOptions opts);

  std::vector<Branch> branches;  // guarded by tree_lock
  const UnionOptions options;
  const uid_t euid;
  const gid_t egid;

  std::shared_mutex tree_lock;
  std::mutex rename_mutex;

  const InodeTable::Owner inodes = InodeTable::create();
  InodeNumbers numbers{branches};
  LookupCache lookup_cache;
  DirFdCache dir_fds;
  HardLinks hard_links;
  FreeSpace free_space;
  std::atomic<int> round_robin{0};  // see select_branch.cc
  // Of the lowest branches; null: there is none. It is set before anybody uses the union, and stays mapped to its end.
  std::unique_ptr<const ChainIndex> chain;
  std::atomic<ChainTrust> chain_trust{ChainTrust::kFull};
  NodePtr root;
  std::atomic<std::uint64_t> temporary_names{0};
  const sys::UsualPlacement usual_placement;     // for threads of its own
  BackgroundCopies background{usual_placement};  // last: its thread uses all the others

  // The chain index, as long as it can be believed.
  const ChainIndex* trusted_chain() const { return chain_trust == ChainTrust::kFull ? chain.get() : nullptr; }

  const Branch& branch(BranchIndex index) const { return branches[static_cast<std::size_t>(index)]; }
  bool is_writable(BranchIndex index) const { return index != kNoBranch && branch(index).perm.writable; }
  // The nearest writable branch at or above `index`; kNoBranch: none.
  BranchIndex writable_from(BranchIndex index) const {
    while (index >= 0 && !branch(index).perm.writable) --index;
    return index;
  }
  BranchIndex lowest() const { return static_cast<BranchIndex>(branches.size() - 1); }
  // True if data in `index` stays there for good: the branch is writable, or no writable one is above.
  bool is_final(BranchIndex index) const { return is_writable(index) || writable_from(index) == kNoBranch; }
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
// True if `dir` exists in `branch`.
bool has_layer(const Node& dir, BranchIndex branch);
BranchIndex top_branch(const Node& dir);
std::vector<BranchIndex> layer_branches(const Node& dir);
// Gives the directory these layers, keeping the descriptors that it has. True if they are others than before.
bool set_layers(Node& dir, const std::vector<BranchIndex>& branches);
// Makes engine.root, a directory of all branches.
Status make_root(Engine& engine);
// Gives the root these branches as layers.
Status set_root_layers(Engine& engine);
// Where the backing file of `node` is. The caller holds node->state (not needed for a directory).
Result<Place> locate(Engine& engine, const NodePtr& node);
// Pins `node` to its inode before it loses its last name. The caller holds node->state exclusively.
Status pin(Engine& engine, const NodePtr& node);
// Path from the root by one of the node's names, without a leading slash.
Result<std::string> path_of(const NodePtr& node);

// Refuses what cannot be a name: too long, empty, or reserved. Whether it exists does not matter.
Status check_name(const Engine& engine, std::string_view name);
// The same of a name that is to be made: "." and ".." are there.
Status check_new_name(const Engine& engine, std::string_view name);
std::size_t name_max();

}  // namespace aufs
