// SPDX-License-Identifier: MIT
#include "union/restack.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <functional>
#include <unordered_set>

#include "sys/attributes.h"
#include "sys/file_io.h"
#include "union/copy_up.h"
#include "union/dir_merge.h"
#include "union/staging.h"

namespace aufs {
namespace {

constexpr std::size_t kMaxUsers = 100;  // paths that an error names

// New number of each branch; kNoBranch for one that goes.
using Renumbering = std::function<BranchIndex(BranchIndex)>;
using NodeSet = std::unordered_set<const Node*>;

// A directory that is in no branch any more. Whoever stands in it gets ESTALE; should it be seen again, that is another node.
void abandon_directory(Engine& engine, Node& node) {
  const std::lock_guard guard(node.dir->lock);
  {
    const std::lock_guard layers(node.dir->layers_mutex);
    node.dir->layers.assign(1, DirLayer{kNoBranch, nullptr, false});
  }
  node.dir->removed = true;
  node.dir->index.reset();
  engine.lookup_cache.dropped(node);
  engine.inodes->drop(node);
  const std::lock_guard state(node.state);
  node.names.clear();
}

// True if the directory has lost a layer and is still there.
bool renumber_directory(Engine& engine, Node& node, const Renumbering& renumbering) {
  bool left = true;
  bool lost = false;
  {
    const std::lock_guard guard(node.dir->layers_mutex);
    auto& layers = node.dir->layers;
    const std::size_t before = layers.size();
    for (DirLayer& layer : layers) {
      if (layer.branch != kNoBranch) layer.branch = renumbering(layer.branch);
    }
    layers.erase(std::remove_if(layers.begin(), layers.end(),
                                [](const DirLayer& layer) { return layer.branch == kNoBranch; }),
                 layers.end());
    left = !layers.empty();
    lost = layers.size() < before;
    if (layers.empty()) layers.push_back({kNoBranch, nullptr, false});
  }
  // What was removed may be seen again when the branch that hides it goes.
  if (node.dir->removed) engine.inodes->drop(node);
  if (node.dir->removed) return false;
  node.dir->index.reset();
  node.dir->stamps.clear();  // they are of the branches' old numbers
  node.dir->opaque = kNoBranch;
  engine.lookup_cache.dropped(node);
  if (!left) abandon_directory(engine, node);
  return left && lost;
}

// A file that is in no branch any more: should its branch come back, it is another node.
void renumber_file(Engine& engine, Node& node, const Renumbering& renumbering) {
  const std::lock_guard guard(node.state);
  if (node.branch == kNoBranch) return;
  node.branch = renumbering(node.branch);
  if (node.rare().covered != 0) node.change_rare().covered = 0;  // what covered its names may be gone
  node.tidy();
  if (node.branch != kNoBranch) return;
  engine.inodes->drop(node);
  node.names.clear();
  node.unpin();
  node.grouped = false;
}

// Gives the directories that have lost a layer.
NodeSet renumber(Engine& engine, const Renumbering& renumbering) {
  NodeSet poorer;
  for (const NodePtr& node : engine.inodes->all()) {
    if (!node->is_dir()) renumber_file(engine, *node, renumbering);
    else if (renumber_directory(engine, *node, renumbering)) poorer.insert(node.get());
  }
  engine.dir_fds.renumber(renumbering);
  return poorer;
}

// --- directories after a change

std::size_t depth_of(const NodePtr& node) {
  std::size_t depth = 0;
  for (NodePtr at = node; !at->names.empty(); at = at->names.front().parent) ++depth;
  return depth;
}

// All live directories below the root that have a name, those above before those in them.
std::vector<NodePtr> directories_from_above(Engine& engine) {
  std::vector<std::pair<std::size_t, NodePtr>> sorted;
  for (NodePtr& node : engine.inodes->all()) {
    if (!node->is_dir() || node->names.empty() || node->dir->removed) continue;
    const std::size_t depth = depth_of(node);
    sorted.emplace_back(depth, std::move(node));
  }
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<NodePtr> directories;
  directories.reserve(sorted.size());
  for (auto& [depth, node] : sorted) directories.push_back(std::move(node));
  return directories;
}

void forget_locked(Engine& engine, const NodePtr& dir) {
  const std::lock_guard guard(dir->dir->lock);
  forget_index(engine, dir);
}

// What the union shows under the directory's own name now. False: no directory any more.
Result<bool> refresh_layers(Engine& engine, const NodePtr& node, bool* changed) {
  const Name name = node->names.front();
  const std::lock_guard guard(name.parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, name.parent));
  const NameEntry* const entry = index->find(name.name);
  if (entry == nullptr || !entry->visible() || entry->type != DT_DIR) return false;
  *changed = set_layers(*node, index->branches_of(name.name));
  // The number stays although another branch may be on top now.
  engine.numbers.keep(engine.branch(entry->top), entry->ino, node->ino);
  return true;
}

// --- files after a change

// True if the union shows the file under this name, as far as the directories were refreshed: `touched` may show others now,
// and `gone` are no directories any more.
bool still_shown(Engine& engine, const Node& file, const Name& name, const NodeSet& touched,
                 const NodeSet& gone) {
  if (gone.count(name.parent.get()) > 0) return false;
  if (touched.count(name.parent.get()) == 0 && !file.grouped) return true;
  const std::lock_guard guard(name.parent->dir->lock);
  const Result<DirIndex*> index = ensure_index(engine, name.parent);
  const NameEntry* const entry = index ? (*index)->find(name.name) : nullptr;
  return entry != nullptr && entry->visible() && (file.grouped || entry->top == file.branch);
}

// A copy above its original joins all names of that; should one come above the other now, that is no more so, or only now so.
// True if the node is what it was.
bool refresh_group(Engine& engine, Node& file) {
  const auto group = engine.hard_links.find(file.ino);
  const std::lock_guard guard(file.state);
  if (file.branch == kNoBranch) return false;
  if (file.grouped && group && group->branch == file.branch) return true;
  const bool joins = group && group->branch <= file.branch;
  if (!file.grouped && !joins) return true;
  file.grouped = false;
  return false;
}

// A file that has lost its names is as one that was unlinked: who has it open goes on with it. Otherwise it is forgotten, and should it
// be seen again, that is another node. Gives the names that it has lost.
std::vector<Name> refresh_file(Engine& engine, const NodePtr& node, const NodeSet& touched,
                               const NodeSet& gone) {
  const bool same = refresh_group(engine, *node);
  const std::vector<Name> names = [&] {
    std::vector<Name> copy;
    const std::shared_lock guard(node->state);
    copy.reserve(node->names.size());
    for (const Name& name : node->names) copy.push_back(name);
    return copy;
  }();
  std::vector<Name> left;
  std::vector<Name> lost;
  for (const Name& name : names) {
    const bool stays = same && still_shown(engine, *node, name, touched, gone);
    (stays ? left : lost).push_back(name);
  }
  if (same && lost.empty()) return lost;
  const std::lock_guard guard(node->state);
  if (left.empty() && !node->grouped) {
    if (node->rare().open_count > 0) (void)pin(engine, node);
    else engine.inodes->drop(*node);
  }
  node->names.clear();
  for (Name& name : left) node->names.add(std::move(name));
  return lost;
}

// Brings all known directories up to date; `changed` is the branch that is new or has another permission, or kNoBranch;
// `poorer` have lost a layer. Gives those whose names may be others now.
std::vector<NodePtr> refresh_directories(Engine& engine, BranchIndex changed, const NodeSet& poorer) {
  std::vector<NodePtr> all{engine.root};
  NodeSet touched{engine.root.get()};
  forget_locked(engine, engine.root);
  NodeSet gone;
  std::vector<NodePtr> going;
  for (const NodePtr& node : directories_from_above(engine)) {
    const Node* const parent = node->names.front().parent.get();
    const bool orphan = gone.count(parent) > 0;
    if (!orphan && touched.count(parent) == 0) continue;
    bool differs = false;
    const Result<bool> shown = orphan ? Result<bool>(false) : refresh_layers(engine, node, &differs);
    differs = differs || poorer.count(node.get()) > 0;
    if (!shown || !*shown) {
      gone.insert(node.get());
      going.push_back(node);
    } else if (differs || (changed != kNoBranch && has_layer(*node, changed))) {
      forget_locked(engine, node);
      touched.insert(node.get());
      all.push_back(node);
    }
  }
  NodeSet told = touched;
  for (const NodePtr& node : engine.inodes->all()) {
    if (node->is_dir()) continue;
    for (const Name& lost : refresh_file(engine, node, touched, gone)) {
      if (gone.count(lost.parent.get()) == 0 && told.insert(lost.parent.get()).second)
        all.push_back(lost.parent);
    }
  }
  for (const NodePtr& node : going) abandon_directory(engine, *node);
  return all;
}

void stack_changed(Engine& engine) {
  engine.chain_trust = ChainTrust::kOtherStack;
  engine.free_space.forget();
  // A hard-link group that cannot be read is as one that was never completed: its names show what they had below.
  (void)load_hard_links(engine);
}

// Paths of the nodes for which `uses` holds, for an error message.
template <typename Uses>
std::vector<std::string> users_of(Engine& engine, Uses&& uses) {
  std::vector<std::string> paths;
  for (const NodePtr& node : engine.inodes->all()) {
    if (paths.size() >= kMaxUsers) break;
    const bool in_use = [&] {
      const std::shared_lock guard(node->state);  // a file may be closed meanwhile
      return uses(*node);
    }();
    if (!in_use) continue;
    const Result<std::string> path = path_of(node);
    paths.push_back(path && !path->empty() ? *path : "(deleted)");
  }
  return paths;
}

Result<struct stat> stat_path(const std::string& path) {
  AUFS_TRY(const UniqueFd fd, sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_DIRECTORY));
  return sys::stat_fd(fd.get());
}

// A branch that is going to be written is another one to every chain index that has it as a layer: the time of change of its root moves.
void mark_as_changing(const Branch& branch) {
  const Result<struct stat> st = sys::stat_fd(branch.root.get());
  if (st) (void)sys::chmod_at(branch.root.get(), "", st->st_mode & 07777);
}

bool is_only_in(const Node& dir, BranchIndex branch) {
  const std::lock_guard guard(dir.dir->layers_mutex);
  return dir.dir->layers.size() == 1 && dir.dir->layers.front().branch == branch;
}

}  // namespace

void prepare_branch(const Branch& branch) {
  mark_as_changing(branch);
  sweep_staging(branch);
  prepare_whiteouts(branch);
}

Status load_hard_links(Engine& engine) {
  return engine.hard_links.load(
      engine.branches,
      {[&](const Branch& branch, ino_t ino) { return engine.numbers.number(branch.dev, ino); },
       [&](const Branch& branch, ino_t copy, std::uint64_t number) {
         engine.numbers.keep(branch, copy, number);
       }});
}

Result<BranchIndex> find_branch(const Engine& engine, const std::string& path) {
  const Result<struct stat> st = stat_path(path);
  for (std::size_t i = 0; i < engine.branches.size(); ++i) {
    const Branch& branch = engine.branches[i];
    const bool same = st ? branch.dev == st->st_dev && branch.root_ino == st->st_ino : branch.path == path;
    if (same) return static_cast<BranchIndex>(i);
  }
  return Error{ENOENT, "branch"};
}

Status insert_branch(Engine& engine, BranchIndex at, const BranchSpec& spec, StackChange& change,
                     Refusal& refusal) {
  if (at < 0 || at > engine.lowest() + 1) return Error{EINVAL, "branch_position"};
  AUFS_TRY(Branch branch, open_one_more(engine.branches, spec, engine.options.read_only, refusal));
  if (branch.perm.writable) prepare_branch(branch);
  engine.branches.insert(engine.branches.begin() + at, std::move(branch));
  const NodeSet poorer =
      renumber(engine, [at](BranchIndex old) { return static_cast<BranchIndex>(old >= at ? old + 1 : old); });
  AUFS_CHECK(set_root_layers(engine));
  stack_changed(engine);
  change.touched = refresh_directories(engine, at, poorer);
  return ok();
}

Status remove_branch(Engine& engine, BranchIndex branch, const std::vector<NodePtr>& held,
                     StackChange& change) {
  if (engine.branches.size() == 1) return Error{EINVAL, "last_branch"};
  change.users = users_of(engine, [&](const Node& node) {
    return !node.is_dir() && node.branch == branch && (node.rare().open_count > 0 || node.rare().unnamed);
  });
  for (const NodePtr& dir : held) {
    if (!is_only_in(*dir, branch)) continue;
    const Result<std::string> path = path_of(dir);
    change.users.push_back(path ? *path : "(deleted)");
  }
  if (!change.users.empty()) return Error{EBUSY, "branch"};
  if (engine.is_writable(branch)) AUFS_CHECK(flush_hard_links(engine));
  engine.branches.erase(engine.branches.begin() + branch);
  const NodeSet poorer = renumber(engine, [branch](BranchIndex old) {
    return old == branch ? kNoBranch : static_cast<BranchIndex>(old > branch ? old - 1 : old);
  });
  AUFS_CHECK(set_root_layers(engine));
  stack_changed(engine);
  change.touched = refresh_directories(engine, kNoBranch, poorer);
  return ok();
}

Status change_perm(Engine& engine, BranchIndex branch, const BranchPerm& perm, StackChange& change) {
  Branch& target = engine.branches[static_cast<std::size_t>(branch)];
  const bool gives_up = target.perm.writable && !perm.writable;
  const bool takes = !target.perm.writable && perm.writable;
  if (takes && engine.options.read_only) return Error{EROFS, "branch"};
  if (gives_up) {
    change.users = users_of(engine, [&](const Node& node) {
      return !node.is_dir() && node.branch == branch && node.rare().lent && node.rare().backing.write;
    });
    if (!change.users.empty()) return Error{EBUSY, "branch"};
    AUFS_CHECK(flush_hard_links(engine));
    target.lock.reset();
  } else if (takes) {
    AUFS_CHECK(lock_writable(target));
    prepare_branch(target);
  }
  target.perm = perm;
  target.keeps_links = perm.writable;
  stack_changed(engine);
  change.touched = refresh_directories(engine, branch, {});
  return ok();
}

}  // namespace aufs
