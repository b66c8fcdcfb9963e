// SPDX-License-Identifier: MIT
#include "union/union_fs.h"

#include <dirent.h>
#include <fcntl.h>

#include <algorithm>
#include <cstdio>

#include "sys/attributes.h"
#include "sys/credentials.h"
#include "sys/file_io.h"
#include "sys/file_system.h"
#include "sys/limits.h"
#include "sys/names.h"
#include "sys/process_control.h"
#include "union/copy_up.h"
#include "union/copy_up_batch.h"
#include "union/create.h"
#include "union/dir_merge.h"
#include "union/inode_flags.h"
#include "union/lookup.h"
#include "union/open_file.h"
#include "union/partial_copy.h"
#include "union/remove.h"
#include "union/rename.h"
#include "union/restack.h"
#include "union/setattr.h"
#include "union/union_fs_impl.h"

namespace aufs {
namespace {

std::size_t directory_fd_limit(const UnionOptions& options) {
  if (options.max_open_dirs > 0) return options.max_open_dirs;
  return std::max<std::size_t>(64, sys::open_file_limit() / 4);
}

// What statfs tells of: the topmost branch that is written, or the topmost of all.
const Branch& main_branch(const Engine& engine) {
  const auto at = std::find_if(engine.branches.begin(), engine.branches.end(),
                               [](const Branch& branch) { return branch.perm.writable; });
  return at == engine.branches.end() ? engine.branches.front() : *at;
}

// Where somebody edits the branches, or whiteouts are shown, an index would be wrong. One that cannot be used is as none.
void open_chain(Engine& engine) {
  const UnionOptions& options = engine.options;
  if (options.chain_index.empty() || options.revalidate || options.show_whiteouts) return;
  if (auto chain = ChainIndex::open(options.chain_index.c_str(), engine.branches))
    engine.chain = *std::move(chain);
}

// The tree to itself, with no file left that is copied behind: those keep the numbers of their branches. The waiting is done before the
// others have to.
struct ExclusiveTree {
  explicit ExclusiveTree(Engine& engine) {
    {
      const SharedTree shared(engine.tree_lock);
      (void)finish_copy_ups(engine);
    }
    lock = std::unique_lock(engine.tree_lock);
    settled = finish_copy_ups(engine);
  }
  std::unique_lock<std::shared_mutex> lock;
  Status settled = ok();
};

Status check_old_name(const Engine& engine, const NodePtr& parent, std::string_view name) {
  if (!parent->is_dir()) return Error{ENOTDIR, "name"};
  if (name == ".") return Error{EINVAL, "name"};
  if (name == "..") return Error{ENOTEMPTY, "name"};
  return check_name(engine, name);
}

// See still_holds(). The caller holds the state of the node, shared.
bool is_settled(const Engine& engine, const Found& found) {
  const Node& node = *found.node;
  return !engine.options.revalidate && found.attr.st.st_nlink == 1 && !node.is_dir() &&
         !engine.is_writable(node.branch) && node.names.size() == 1 && !node.rare().partial;
}

}  // namespace

Engine::Engine(std::vector<Branch> stack, UnionOptions opts)
    : branches(std::move(stack)),
      options(std::move(opts)),
      euid(sys::user_id()),
      egid(sys::group_id()),
      lookup_cache(options.max_cached_names),
      dir_fds(directory_fd_limit(options)) {}

UnionFs::UnionFs(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
UnionFs::~UnionFs() = default;

Result<std::unique_ptr<UnionFs>> UnionFs::open(const std::vector<BranchSpec>& specs, UnionOptions options,
                                               Refusal* refusal) {
  Refusal unheard;
  AUFS_TRY(std::vector<Branch> branches,
           open_branches(specs, {options.read_only, options.apart}, refusal ? *refusal : unheard));
  auto impl = std::make_unique<Impl>(std::move(branches), std::move(options));
  Engine& engine = impl->engine;
  for (const Branch& branch : engine.branches) {
    if (branch.perm.writable) prepare_branch(branch);
  }
  AUFS_CHECK(load_hard_links(engine));
  // AUFS starts its rounds at the lowest writable branch.
  engine.round_robin = -std::max<int>(engine.writable_from(engine.lowest()), 0);
  open_chain(engine);
  AUFS_CHECK(make_root(engine));
  return std::unique_ptr<UnionFs>(new UnionFs(std::move(impl)));
}

NodePtr UnionFs::root() const {
  return impl_->engine.root;
}
std::size_t UnionFs::name_max() const noexcept {
  return aufs::name_max();
}

std::vector<BranchSpec> UnionFs::branches() const {
  const SharedTree tree(impl_->engine.tree_lock);
  std::vector<BranchSpec> specs;
  specs.reserve(impl_->engine.branches.size());
  for (const Branch& branch : impl_->engine.branches) specs.push_back({branch.path, branch.perm});
  return specs;
}

bool UnionFs::writable() const {
  const SharedTree tree(impl_->engine.tree_lock);
  return impl_->engine.writable_from(impl_->engine.lowest()) != kNoBranch;
}

// --- looking

Result<Found> UnionFs::lookup(const NodePtr& parent, std::string_view name) {
  const SharedTree tree(impl_->engine.tree_lock);
  return aufs::lookup(impl_->engine, parent, name);
}

NodePtr UnionFs::known_lower(const NodePtr& parent, const std::string& name) {
  Engine& engine = impl_->engine;
  const SharedTree tree(engine.tree_lock);
  const std::shared_lock guard(parent->dir->lock);
  const DirIndex* const index = parent->dir->index.get();
  const NameEntry* const entry = index == nullptr ? nullptr : index->find(name);
  if (entry == nullptr || !entry->visible() || engine.is_writable(entry->top)) return nullptr;
  return known_node(engine, parent, name, *entry);
}

Result<Attr> UnionFs::getattr(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  return attributes(impl_->engine, node);
}

Result<std::string> UnionFs::readlink(const NodePtr& node) {
  if (!S_ISLNK(node->type)) return Error{EINVAL, "readlink"};
  const SharedTree tree(impl_->engine.tree_lock);
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate(impl_->engine, node));
  return sys::readlink(place.fd, place.leaf());
}

Result<std::vector<DirEntry>> UnionFs::readdir(const NodePtr& dir) {
  if (!dir->is_dir()) return Error{ENOTDIR, "readdir"};
  const SharedTree tree(impl_->engine.tree_lock);
  return list_directory(impl_->engine, dir);
}

bool UnionFs::still_holds(const Found& found) {
  const SharedTree tree(impl_->engine.tree_lock);
  const std::shared_lock guard(found.node->state);
  return is_settled(impl_->engine, found);
}

bool UnionFs::stays_when_opened(const Found& found) {
  const Engine& engine = impl_->engine;
  const SharedTree tree(impl_->engine.tree_lock);
  const std::shared_lock guard(found.node->state);
  return is_settled(engine, found) &&
         engine.branch(found.node->branch).perm.copy_on_open == CopyOnOpen::kNone;
}

bool UnionFs::is_listing_kept(const NodePtr& dir) {
  const SharedTree tree(impl_->engine.tree_lock);
  return !dir->is_dir() || aufs::is_listing_kept(impl_->engine, dir);
}

Result<struct statvfs> UnionFs::statfs() {
  const SharedTree tree(impl_->engine.tree_lock);
  const Branch& branch = main_branch(impl_->engine);
  AUFS_TRY(struct statvfs vfs, sys::stat_file_system(branch.root.get()));
  vfs.f_namemax = std::min<unsigned long>(vfs.f_namemax, aufs::name_max());
  return vfs;
}

Result<long> UnionFs::file_system_magic() {
  const SharedTree tree(impl_->engine.tree_lock);
  return sys::file_system_magic(main_branch(impl_->engine).root.get());
}

BranchIndex UnionFs::branch_of(const NodePtr& node) const {
  const SharedTree tree(impl_->engine.tree_lock);
  if (node->is_dir()) return top_branch(*node);
  const std::shared_lock guard(node->state);
  return node->branch;
}

Result<std::string> UnionFs::branch_path(BranchIndex branch) const {
  const SharedTree tree(impl_->engine.tree_lock);
  if (branch < 0 || branch > impl_->engine.lowest()) return Error{EINVAL, "branch_path"};
  return sys::readlink(AT_FDCWD, sys::proc_path(impl_->engine.branch(branch).root.get(), "").c_str());
}

bool UnionFs::uses_chain_index() const {
  return impl_->engine.trusted_chain() != nullptr;
}

bool UnionFs::has_wrong_chain_index() const {
  return impl_->engine.chain_trust == ChainTrust::kWrong;
}

std::uint64_t UnionFs::inode_number(const NodePtr& node) {
  return node->ino;
}

std::uint64_t& UnionFs::number_of_front(const NodePtr& node) {
  return node->front_number;
}

bool UnionFs::is_removed(const NodePtr& node) {
  if (node->is_dir()) return node->dir->removed;
  const std::shared_lock guard(node->state);
  return node->gone;
}

NodePtr UnionFs::find_node(std::uint64_t ino) const {
  return impl_->engine.inodes->find(ino);
}

std::vector<std::pair<NodePtr, std::string>> UnionFs::names_of(const NodePtr& node) const {
  std::vector<std::pair<NodePtr, std::string>> names;
  const std::shared_lock guard(node->state);
  names.reserve(node->names.size());
  for (const Name& name : node->names) names.emplace_back(name.parent, name.name);
  return names;
}

void UnionFs::each_name(const NodePtr& node,
                        const std::function<void(std::uint64_t, const std::string&)>& told) {
  const std::shared_lock guard(node->state);
  for (const Name& name : node->names) told(name.parent->ino, name.name);
}

Status UnionFs::access_layers(const NodePtr& dir, int mode) {
  if (!dir->is_dir()) return ok();
  Engine& engine = impl_->engine;
  const SharedTree tree(engine.tree_lock);
  for (const BranchIndex branch : layer_branches(*dir)) {
    AUFS_TRY(const SharedFd layer, dir_fd(engine, dir, branch));
    AUFS_CHECK(sys::access_fd(layer->get(), mode));
  }
  return ok();
}

Result<std::string> UnionFs::path_of(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  if (node != impl_->engine.root) {
    const std::shared_lock guard(node->state);
    if (node->names.empty()) return Error{ENOENT, "path"};
  }
  return aufs::path_of(node);
}

// --- changing names

Result<Found> UnionFs::mknod(const NodePtr& parent, std::string_view name, mode_t mode, dev_t rdev,
                             Caller caller) {
  AUFS_CHECK(check_new_name(impl_->engine, name));
  const SharedTree tree(impl_->engine.tree_lock);
  return make_node(impl_->engine, parent, std::string(name), mode, rdev, caller);
}

Result<Found> UnionFs::mkdir(const NodePtr& parent, std::string_view name, mode_t mode, Caller caller) {
  AUFS_CHECK(check_new_name(impl_->engine, name));
  const SharedTree tree(impl_->engine.tree_lock);
  return make_directory(impl_->engine, parent, std::string(name), mode, caller);
}

Result<Found> UnionFs::symlink(const NodePtr& parent, std::string_view name, const std::string& target,
                               Caller caller) {
  AUFS_CHECK(check_new_name(impl_->engine, name));
  const SharedTree tree(impl_->engine.tree_lock);
  return make_symlink(impl_->engine, parent, std::string(name), target, caller);
}

Result<Found> UnionFs::link(const NodePtr& node, const NodePtr& parent, std::string_view name) {
  AUFS_CHECK(check_new_name(impl_->engine, name));
  const SharedTree tree(impl_->engine.tree_lock);
  AUFS_CHECK(check_flags(impl_->engine, node, Change::kAny));
  AUFS_CHECK(check_flags(impl_->engine, parent, Change::kAddition));
  return link_node(impl_->engine, node, parent, std::string(name));
}

Status UnionFs::unlink(const NodePtr& parent, std::string_view name) {
  if (name == "." || name == "..") return Error{EISDIR, "unlink"};
  AUFS_CHECK(check_old_name(impl_->engine, parent, name));
  const SharedTree tree(impl_->engine.tree_lock);
  return unlink_name(impl_->engine, parent, std::string(name));
}

Status UnionFs::rmdir(const NodePtr& parent, std::string_view name) {
  AUFS_CHECK(check_old_name(impl_->engine, parent, name));
  const SharedTree tree(impl_->engine.tree_lock);
  const std::string key(name);
  AUFS_CHECK(check_flags(impl_->engine, parent, key));
  return remove_directory(impl_->engine, parent, key);
}

Status UnionFs::rename(const NodePtr& parent, std::string_view name, const NodePtr& new_parent,
                       std::string_view new_name, unsigned flags) {
  Engine& engine = impl_->engine;
  if (flags != 0 && flags != RENAME_NOREPLACE && flags != RENAME_EXCHANGE) return Error{EINVAL, "rename"};
  AUFS_CHECK(check_old_name(engine, parent, name));
  AUFS_CHECK(check_old_name(engine, new_parent, new_name));
  if (new_name.size() > aufs::name_max()) return Error{ENAMETOOLONG, "rename"};
  const RenameNames names{parent, std::string(name), new_parent, std::string(new_name)};
  const auto moves_directory = [&]() -> Result<bool> {
    AUFS_TRY(const NameEntry from, visible_entry(engine, parent, names.from));
    if (from.type == DT_DIR) return true;
    const Result<NameEntry> to = visible_entry(engine, new_parent, names.to);
    return (flags & RENAME_EXCHANGE) != 0 && to && to->type == DT_DIR;
  };
  {
    const SharedTree tree(engine.tree_lock);
    AUFS_TRY(const bool directory, moves_directory());
    AUFS_CHECK(check_flags(engine, parent, names.from));
    AUFS_CHECK(parent == new_parent ? check_entry_flags(engine, parent, names.to)
                                    : check_flags(engine, new_parent, names.to));
    if (!directory) {
      const Status renamed = rename_file(engine, names, flags);
      if (!failed_with(renamed, EAGAIN)) return renamed;
    }
  }
  const ExclusiveTree tree(engine);
  AUFS_CHECK(tree.settled);
  AUFS_TRY(const bool directory, moves_directory());
  return directory ? rename_directory(engine, names, flags) : rename_file(engine, names, flags);
}

// --- changing attributes

Result<Attr> UnionFs::setattr(const NodePtr& node, const SetAttr& change) {
  const SharedTree tree(impl_->engine.tree_lock);
  AUFS_CHECK(set_attributes(impl_->engine, node, change));
  return attributes(impl_->engine, node);
}

Result<std::string> UnionFs::getxattr(const NodePtr& node, const std::string& name) {
  const SharedTree tree(impl_->engine.tree_lock);
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate_to_read(impl_->engine, node));
  return sys::get_xattr(place.fd, place.leaf(), name.c_str());
}

Result<std::string> UnionFs::listxattr(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate_to_read(impl_->engine, node));
  return sys::list_xattr(place.fd, place.leaf());
}

Status UnionFs::setxattr(const NodePtr& node, const std::string& name, std::string_view value, int flags) {
  const SharedTree tree(impl_->engine.tree_lock);
  return set_xattr(impl_->engine, node, name, value, flags);
}

Status UnionFs::removexattr(const NodePtr& node, const std::string& name) {
  const SharedTree tree(impl_->engine.tree_lock);
  return remove_xattr(impl_->engine, node, name);
}

Result<std::uint32_t> UnionFs::flags_of(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  return aufs::flags_of(impl_->engine, node);
}

Status UnionFs::set_flags(const NodePtr& node, std::uint32_t flags) {
  const SharedTree tree(impl_->engine.tree_lock);
  return change_flags(impl_->engine, node, flags);
}

Result<sys::ExtendedFlags> UnionFs::extended_flags_of(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  return aufs::extended_flags_of(impl_->engine, node);
}

Status UnionFs::set_extended_flags(const NodePtr& node, const sys::ExtendedFlags& flags) {
  const SharedTree tree(impl_->engine.tree_lock);
  return change_extended_flags(impl_->engine, node, flags);
}

// --- whole files

Status UnionFs::copy_up(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  return aufs::copy_up(impl_->engine, node);
}

Status UnionFs::copy_up(std::span<const NodePtr> nodes, const std::function<bool(std::size_t)>& done) {
  const SharedTree tree(impl_->engine.tree_lock);
  bool more = true;
  const std::function<void(std::size_t)> told = [&](std::size_t place) { more = done(place) && more; };
  CopyUpBatch batch(impl_->engine, told);
  for (std::size_t i = 0; i < nodes.size() && more; ++i) AUFS_CHECK(batch.add(i, nodes[i]));
  return batch.finish();
}

Status UnionFs::sync() {
  const SharedTree tree(impl_->engine.tree_lock);
  AUFS_CHECK(aufs::finish_copy_ups(impl_->engine));
  for (const Branch& branch : impl_->engine.branches) {
    if (branch.lock) AUFS_CHECK(sys::syncfs(branch.lock.get()));
  }
  return ok();
}

Status UnionFs::insert_branch(std::size_t at, const BranchSpec& spec, StackChange& change, Refusal* refusal) {
  Engine& engine = impl_->engine;
  const ExclusiveTree tree(engine);
  AUFS_CHECK(tree.settled);
  if (at > engine.branches.size()) return Error{EINVAL, "branch_position"};
  Refusal unheard;
  return aufs::insert_branch(engine, static_cast<BranchIndex>(at), spec, change,
                             refusal ? *refusal : unheard);
}

Status UnionFs::remove_branch(const std::string& path, const std::vector<NodePtr>& held,
                              StackChange& change) {
  const ExclusiveTree tree(impl_->engine);
  AUFS_CHECK(tree.settled);
  AUFS_TRY(const BranchIndex branch, find_branch(impl_->engine, path));
  return aufs::remove_branch(impl_->engine, branch, held, change);
}

Status UnionFs::change_branch(const std::string& path, const BranchPerm& perm, StackChange& change) {
  const ExclusiveTree tree(impl_->engine);
  AUFS_CHECK(tree.settled);
  AUFS_TRY(const BranchIndex branch, find_branch(impl_->engine, path));
  return change_perm(impl_->engine, branch, perm, change);
}

Status UnionFs::flush_hard_links() {
  Engine& engine = impl_->engine;
  const SharedTree tree(engine.tree_lock);
  return aufs::flush_hard_links(engine);
}

}  // namespace aufs
