// SPDX-License-Identifier: MIT
#include "union/lookup.h"

#include <dirent.h>

#include <algorithm>
#include <functional>
#include <new>
#include <span>

#include "sys/file_io.h"
#include "union/at_once.h"
#include "union/dir_merge.h"
#include "union/partial_copy.h"
#include "union/whiteout.h"

namespace aufs {
namespace {

// The branch's own housekeeping in its root is no subdirectory of the union; a merged directory has as many links as
// it has visible subdirectories, or, while these are not known, 1, which tells programs not to count on it.
nlink_t links_of_directory(const Node& node, const struct stat& st) {
  const int subdirs = node.dir->subdirs;
  if (subdirs >= 0) return 2 + static_cast<nlink_t>(subdirs);
  const std::lock_guard guard(node.dir->layers_mutex);
  return node.dir->layers.size() == 1 && !node.names.empty() ? st.st_nlink : 1;
}

bool is_before(const struct timespec& a, const struct timespec& b) {
  return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

// Names that are hidden by whiteouts do not count, and hiding one changed the inode as unlink(2) does.
void show_lower_links(Engine& engine, const Node& node, struct stat& st) {
  const long gone = st.st_nlink == 1 ? (node.names.empty() ? 1 : 0) : engine.hard_links.count_gone(node.ino);
  st.st_nlink = static_cast<nlink_t>(std::max(0L, static_cast<long>(st.st_nlink) - gone));
  if (is_before(st.st_ctim, node.rare().hidden_at)) st.st_ctim = node.rare().hidden_at;
}

// Replaces what the backing file cannot know. The caller holds node->state.
void fix_up(Engine& engine, const Node& node, Attr& attr) {
  attr.st.st_ino = node.ino;
  if (node.is_dir()) {
    attr.st.st_nlink = node.dir->removed ? 0 : links_of_directory(node, attr.st);
    return;
  }
  const RareState& rare = node.rare();
  if (node.grouped) {
    const auto group = engine.hard_links.find(node.ino);
    const long left = group ? group->left : 0;
    attr.st.st_nlink =
        static_cast<nlink_t>(std::max(0L, static_cast<long>(attr.st.st_nlink) - 1 + left - rare.covered));
    return;
  }
  if (!engine.is_writable(node.branch)) {
    show_lower_links(engine, node, attr.st);
  } else if (rare.covered > 0) {
    attr.st.st_nlink = static_cast<nlink_t>(std::max(0L, static_cast<long>(attr.st.st_nlink) - rare.covered));
    if (is_before(attr.st.st_ctim, rare.hidden_at)) attr.st.st_ctim = rare.hidden_at;
  }
}

constexpr std::size_t kMaxNames = 64;

bool knows_name(const Node& node, const NodePtr& parent, const std::string& name) {
  const std::shared_lock guard(node.state);
  return node.names.has(parent, name);
}

// Of a file with very many names not all are remembered: the others lead to it as well.
void remember_name(const NodePtr& node, const NodePtr& parent, const std::string& name) {
  {
    const std::shared_lock guard(node->state);
    if (node->names.has(parent, name) || node->names.size() >= kMaxNames) return;
  }
  const std::lock_guard guard(node->state);
  if (node->names.has(parent, name)) return;
  node->names.add({parent, name});
  node->unpin();  // a file that had lost all known names has one again: it was a hard link
  node->gone = false;
}

// What the chain index says of the entry at that place of the directory; null: nothing that can be believed.
const chain_format::Entry* recorded_entry(const Engine& engine, const Directory& parent, Recorded place) {
  const ChainIndex* const chain = place == 0 ? nullptr : engine.trusted_chain();
  if (chain == nullptr || parent.record == kNoRecord) return nullptr;
  const auto entries = chain->entries(parent.record);
  return place > entries.size() ? nullptr : &entries[place - 1];
}

void fill_directory(Engine& engine, Node& node, const Directory& parent, const std::string& name) {
  const std::vector<BranchIndex> branches = parent.index->branches_of(name);
  node.dir->layers.reserve(branches.size());
  for (const BranchIndex branch : branches) node.dir->layers.push_back({branch, nullptr, false});
  const Recorded place = parent.index->recorded(name);
  if (const chain_format::Entry* const known = recorded_entry(engine, parent, place))
    node.dir->record = known->directory;
}

// A lower inode that is a hard-link group with a copy lives in the copy, by whichever name it is found.
void fill_file(Engine& engine, Node& node, BranchIndex branch, ino_t ino) {
  node.branch = branch;
  node.backing_ino = ino;
  if (engine.hard_links.empty()) return;
  const auto group = engine.hard_links.find(node.ino);
  if (!group || group->branch > branch) return;
  node.branch = group->branch;
  node.grouped = true;
}

// True if what the branch has under the name is this very node, and not another inode that came to the same number: a copy keeps
// the number of its original, which may be seen again, elsewhere, when the stack changes.
bool is_same_inode(const Node& node, const NodePtr& parent, const std::string& name, BranchIndex branch,
                   ino_t ino) {
  const std::shared_lock guard(node.state);
  if (node.is_dir()) return node.names.empty() || node.names.has(parent, name);
  return node.grouped || (node.branch == branch && node.backing_ino == ino);
}

// Behind an edit: true if the node is of a file that was deleted behind the union, whose inode number another one got.
bool is_reused(Node& node, const Birth& birth) {
  const std::lock_guard guard(node.state);
  if (node.birth.branch != birth.branch ||
      node.birth.ino != birth.ino) {  // copied up, or the stack is another one
    node.birth = birth;
    return false;
  }
  return node.birth.time != 0 && birth.time != 0 && node.birth.time != birth.time;
}

// Behind an edit: forgets the names that lead to the file no more, for it was renamed behind the union. It is about to get a new one.
void forget_stale_names(Engine& engine, Node& node) {
  const std::lock_guard guard(node.state);
  const auto leads_here = [&](const Name& name) {
    const Result<SharedFd> dir = dir_fd(engine, name.parent, node.branch);
    const Result<struct stat> st = dir ? sys::stat_at((*dir)->get(), name.name.c_str()) : dir.error();
    return st && st->st_ino == node.backing_ino;
  };
  node.names.remove_if([&](const Name& name) { return !leads_here(name); });
}

// The directory above was read anew: another directory may have the name in any branch, which its descriptors do not tell.
void forget_layers(Engine& engine, const NodePtr& node, std::uint64_t reading) {
  if (node->dir->parent_reading == reading) return;
  node->dir->parent_reading = reading;
  {
    const std::lock_guard layers(node->dir->layers_mutex);
    for (DirLayer& layer : node->dir->layers) layer.fd.reset();
  }
  forget_index(engine, node);
}

// Another directory of that name may have come to a branch, or gone, since the node was made. `reading` is that of the directory above.
void follow_layers(Engine& engine, const NodePtr& node, std::vector<BranchIndex> branches,
                   std::uint64_t reading) {
  const std::lock_guard guard(node->dir->lock);
  if (node->dir->removed) return;
  forget_layers(engine, node, reading);
  if (node->dir->index && !is_current(engine, node)) forget_index(engine, node);
  // Layers below an opaque one were dropped when it was read.
  const BranchIndex opaque = node->dir->opaque;
  while (opaque != kNoBranch && branches.size() > 1 && branches.back() > opaque) branches.pop_back();
  if (set_layers(*node, branches)) forget_index(engine, node);
}

// The error of the topmost branch that has one.
Status check_branches(Engine& engine, std::span<const BranchIndex> branches,
                      const std::function<Status(BranchIndex)>& check) {
  const DiskWatch disk(branches.size());
  for (std::size_t i = 0; i < branches.size(); ++i) {
    const std::span<const BranchIndex> rest = branches.subspan(i);
    if (i % 4 == 2 && rest.size() >= kWorthThreads && disk.waited()) {
      std::vector<Status> checked(rest.size(), ok());
      for_each_at_once(engine.usual_placement, rest.size(), [&](std::size_t each) {
        try {
          checked[each] = check(rest[each]);
        } catch (const std::bad_alloc&) {
          checked[each] = Error{ENOMEM, "fstatat"};
        }
      });
      const auto bad = std::find_if(checked.begin(), checked.end(), [](const Status& s) { return !s; });
      return bad == checked.end() ? ok() : *bad;
    }
    AUFS_CHECK(check(branches[i]));
  }
  return ok();
}

// An opaque marker that is no plain file makes a directory unusable, as AUFS finds when it looks the directory up.
// Cost: one stat(2) for each branch that has the directory, once for each node.
Status check_opaque_markers(Engine& engine, const NodePtr& parent, const std::string& name) {
  std::string marker = name;
  marker.append("/").append(whiteout::kOpaque);
  // Of a chain with such a marker there is no index.
  const Recorded place = parent->dir->index->recorded(name);
  const bool known = recorded_entry(engine, *parent->dir, place) != nullptr;
  std::vector<BranchIndex> branches = parent->dir->index->branches_of(name);
  std::erase_if(branches, [&](BranchIndex branch) {
    return (known && branch >= engine.chain->base()) || !engine.branch(branch).perm.whiteouts;
  });
  const auto check = [&](BranchIndex branch) -> Status {
    AUFS_TRY(const SharedFd dir, dir_fd(engine, parent, branch));
    const Result<struct stat> st = sys::stat_at(dir->get(), marker.c_str());
    return st && !S_ISREG(st->st_mode) ? Status(Error{EIO, "opaque_marker"}) : ok();
  };
  return check_branches(engine, branches, check);
}

Result<Found> find_in(Engine& engine, const NodePtr& parent, const std::string& name, const DirIndex& index) {
  const NameEntry* entry = index.find(name);
  if (entry != nullptr && entry->broken()) return Error{EIO, "whiteout"};
  if (entry == nullptr || !entry->visible()) return Error{ENOENT, "lookup"};
  return node_for(engine, parent, name, *entry);
}

Result<Found> lookup_dots(Engine& engine, const NodePtr& dir, std::string_view name) {
  NodePtr node = dir;
  if (name == "..") {
    const std::shared_lock guard(dir->state);
    if (!dir->names.empty()) node = dir->names.front().parent;
  }
  AUFS_TRY(Attr attr, attributes(engine, node));
  return Found{std::move(node), attr};
}

}  // namespace

Result<Found> node_for(Engine& engine, const NodePtr& parent, const std::string& name,
                       const NameEntry& entry) {
  if (const chain_format::Entry* const known = recorded_entry(engine, *parent->dir, entry.recorded))
    return node_with(engine, parent, name, entry, attributes_of(*known, engine.branch(entry.top).dev));
  AUFS_TRY(const SharedFd dir, dir_fd(engine, parent, entry.top));
  Attr attr;
  AUFS_TRY(attr.st, sys::stat_with_birth(dir->get(), name.c_str(), &attr.btime, &attr.protection));
  return node_with(engine, parent, name, entry, attr);
}

Result<Found> node_with(Engine& engine, const NodePtr& parent, const std::string& name,
                        const NameEntry& entry, Attr attr) {
  const ino_t backing = attr.st.st_ino;
  const Birth birth{entry.top, backing, to_nanoseconds(attr.btime).value_or(0)};
  const auto intern = [&](std::uint64_t ino) {
    return engine.inodes->intern(ino, attr.st.st_mode, [&](Node& fresh) {
      fresh.names.add({parent, name});
      fresh.birth = birth;
      fresh.record = recorded_entry(engine, *parent->dir, entry.recorded);
      if (fresh.is_dir()) fill_directory(engine, fresh, *parent->dir, name);
      else fill_file(engine, fresh, entry.top, backing);
    });
  };
  const std::uint64_t number = engine.numbers.number(attr.st.st_dev, backing);
  if (S_ISDIR(attr.st.st_mode) && engine.inodes->find(number) == nullptr)
    AUFS_CHECK(check_opaque_markers(engine, parent, name));
  NodePtr node = intern(number);
  const bool edited = is_edited(engine, parent);
  if (edited && is_reused(*node, birth)) {
    engine.inodes->drop(*node);
    node = intern(number);
  }
  // Nothing leads to the root, whatever a damaged chain index or a loop of mounts says.
  if (node == engine.root || !is_same_inode(*node, parent, name, entry.top, backing))
    node = intern(engine.numbers.renew(attr.st.st_dev, backing));
  if (edited && !node->is_dir() && !knows_name(*node, parent, name)) forget_stale_names(engine, *node);
  remember_name(node, parent, name);
  if (edited && node->is_dir())
    follow_layers(engine, node, parent->dir->index->branches_of(name), parent->dir->reading);
  {
    const std::shared_lock guard(node->state);
    if (node->is_dir() || (node->branch == entry.top && !node->grouped && !node->rare().partial)) {
      fix_up(engine, *node, attr);
      return Found{node, attr};
    }
  }
  // The data is not where this name is: a hard link of a copied file, or a file that is being copied.
  AUFS_TRY(attr, attributes(engine, node));
  return Found{node, attr};
}

NodePtr known_node(Engine& engine, const NodePtr& parent, const std::string& name, const NameEntry& entry) {
  if (is_edited(engine, parent)) return nullptr;
  NodePtr node = engine.inodes->find(engine.numbers.number(engine.branch(entry.top).dev, entry.ino));
  if (!node || node->is_dir()) return nullptr;
  const std::shared_lock guard(node->state);
  const bool same = !node->grouped && node->branch == entry.top && node->names.has(parent, name);
  return same ? node : nullptr;
}

Result<NodePtr> entry_node(Engine& engine, const NodePtr& parent, const std::string& name,
                           const NameEntry& entry) {
  if (NodePtr known = known_node(engine, parent, name, entry)) return known;
  AUFS_TRY(const Found found, node_for(engine, parent, name, entry));
  return found.node;
}

Result<NodePtr> live_node(Engine& engine, const NodePtr& parent, const std::string& name,
                          const NameEntry& entry) {
  AUFS_TRY(const SharedFd dir, dir_fd(engine, parent, entry.top));
  AUFS_TRY(const struct stat st, sys::stat_at(dir->get(), name.c_str()));
  return engine.inodes->find(engine.numbers.number(st.st_dev, st.st_ino));
}

Result<Found> lookup(Engine& engine, const NodePtr& parent, std::string_view name) {
  if (!parent->is_dir()) return Error{ENOTDIR, "lookup"};
  if (name == "." || name == "..") return lookup_dots(engine, parent, name);
  const bool shown = engine.options.show_whiteouts && whiteout::classify(name) == whiteout::Kind::kWhiteout;
  if (!shown) AUFS_CHECK(check_name(engine, name));
  const std::string key(name);
  {
    const std::shared_lock guard(parent->dir->lock);
    if (parent->dir->removed) return Error{ENOENT, "lookup"};
    if (parent->dir->index && is_current(engine, parent))
      return find_in(engine, parent, key, *parent->dir->index);
  }
  engine.lookup_cache.make_room();
  const std::lock_guard guard(parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  return find_in(engine, parent, key, *index);
}

Result<NameEntry> visible_entry(Engine& engine, const NodePtr& parent, const std::string& name) {
  engine.lookup_cache.make_room();
  const std::lock_guard guard(parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine, parent));
  const NameEntry* const entry = index->find(name);
  if (entry != nullptr && entry->broken()) return Error{EIO, "whiteout"};
  if (entry == nullptr || !entry->visible()) return Error{ENOENT, "lookup"};
  return *entry;
}

Result<std::vector<DirEntry>> list_directory(Engine& engine, const NodePtr& dir) {
  engine.lookup_cache.make_room();
  std::vector<DirEntry> entries;
  const std::lock_guard guard(dir->dir->lock);
  if (dir->dir->removed) return entries;
  AUFS_TRY(DirIndex* const index, ensure_index(engine, dir));
  entries.reserve(index->size());
  for (const auto [name, entry] : *index) {
    if (!entry.visible()) continue;
    entries.push_back(
        {std::string(name), engine.numbers.number(engine.branch(entry.top).dev, entry.ino), entry.type});
  }
  return entries;
}

const chain_format::Entry* record_of(const Engine& engine, const Node& node) {
  const ChainIndex* const chain = node.record == nullptr ? nullptr : engine.trusted_chain();
  if (chain == nullptr) return nullptr;
  const BranchIndex branch = node.is_dir() ? top_branch(node) : node.branch;
  return branch == chain->place_of(node.record->top) ? node.record : nullptr;
}

namespace {

// The caller holds node->state.
Result<struct stat> stat_backing(Engine& engine, const NodePtr& node, Attr& attr) {
  if (const chain_format::Entry* const known = record_of(engine, *node)) {
    attr = attributes_of(*known, engine.branch(engine.chain->place_of(known->top)).dev);
    return attr.st;
  }
  AUFS_TRY(const Place place, locate(engine, node));
  return sys::stat_with_birth(place.fd, place.leaf(), &attr.btime, &attr.protection);
}

}  // namespace

Result<Attr> attributes(Engine& engine, const NodePtr& node) {
  const std::shared_lock guard(node->state);
  return attributes_held(engine, node);
}

Result<Attr> attributes_held(Engine& engine, const NodePtr& node, struct stat* backing) {
  Attr attr;
  Result<struct stat> st = stat_backing(engine, node, attr);
  // Deleted or replaced behind the union while it is open.
  const RareState& rare = node->rare();
  if (!st && rare.backing.read)
    st = sys::stat_with_birth(rare.backing.read->get(), "", &attr.btime, &attr.protection);
  if (!st) return st.error();
  attr.st = *st;
  if (backing != nullptr) *backing = *st;
  if (rare.partial) {
    AUFS_TRY(attr.st, rare.partial->show());
  }
  attr.passing = rare.partial != nullptr;
  fix_up(engine, *node, attr);
  return attr;
}

}  // namespace aufs
