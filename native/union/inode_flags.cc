// SPDX-License-Identifier: MIT
#include "union/inode_flags.h"

#include <fcntl.h>
#include <linux/fs.h>

#include "sys/file_io.h"
#include "union/copy_up.h"
#include "union/lookup.h"

namespace aufs {
namespace {

Result<UniqueFd> open_to_ask(Engine& engine, const NodePtr& node) {
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate(engine, node));
  if (node->is_dir()) return sys::open_at(place.fd, ".", O_RDONLY | O_DIRECTORY);
  if (place.name.empty()) return sys::reopen(place.fd, O_RDONLY | O_NONBLOCK);
  return sys::open_at(place.fd, place.leaf(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

// In a writable branch; for a directory, that its attributes are there is what counts.
bool is_above(Engine& engine, const NodePtr& node) {
  if (node->is_dir()) return engine.is_writable(top_branch(*node));
  const std::shared_lock guard(node->state);
  return engine.is_writable(node->branch);
}

Status check_protection(Engine& engine, const NodePtr& node, Change change) {
  const std::shared_lock guard(node->state);
  AUFS_TRY(const Place place, locate(engine, node));
  AUFS_TRY(const sys::Protection protection, sys::protection_of(place.fd, place.leaf()));
  if (protection.immutable) return Error{EPERM, "flags"};
  return protection.append_only && change != Change::kAddition ? Status(Error{EPERM, "flags"}) : ok();
}

}  // namespace

Result<std::uint32_t> flags_of(Engine& engine, const NodePtr& node) {
  AUFS_TRY(const UniqueFd fd, open_to_ask(engine, node));
  return sys::get_flags(fd.get());
}

Result<sys::ExtendedFlags> extended_flags_of(Engine& engine, const NodePtr& node) {
  AUFS_TRY(const UniqueFd fd, open_to_ask(engine, node));
  return sys::get_extended_flags(fd.get());
}

Status change_flags(Engine& engine, const NodePtr& node, std::uint32_t flags) {
  AUFS_CHECK(copy_up(engine, node));
  AUFS_TRY(const UniqueFd fd, open_to_ask(engine, node));
  return sys::set_flags(fd.get(), flags);
}

Status change_extended_flags(Engine& engine, const NodePtr& node, const sys::ExtendedFlags& flags) {
  AUFS_CHECK(copy_up(engine, node));
  AUFS_TRY(const UniqueFd fd, open_to_ask(engine, node));
  return sys::set_extended_flags(fd.get(), flags);
}

void keep_append_only(Engine& engine, const NodePtr& node) {
  const Result<UniqueFd> fd = open_to_ask(engine, node);
  if (!fd) return;
  const Result<std::uint32_t> flags = sys::get_flags(fd->get());
  if (flags) (void)sys::set_flags(fd->get(), *flags | FS_APPEND_FL);
}

Status check_flags(Engine& engine, const NodePtr& node, Change change) {
  if (S_ISLNK(node->type) || is_above(engine, node)) return ok();
  return check_protection(engine, node, change);
}

Status check_flags(Engine& engine, const Node& node, const Attr& attr) {
  const BranchIndex branch = node.is_dir() ? top_branch(node) : node.branch;
  if (S_ISLNK(node.type) || engine.is_writable(branch)) return ok();
  const bool forbidden = attr.protection.immutable || attr.protection.append_only;
  return forbidden ? Status(Error{EPERM, "flags"}) : ok();
}

// A whiteout is made, which the file system of an append-only directory would not mind.
Status check_directory_flags(Engine& engine, const NodePtr& dir) {
  return check_protection(engine, dir, Change::kAny);
}

Status check_flags(Engine& engine, const NodePtr& parent, const std::string& name) {
  if (!parent->is_dir()) return ok();
  const bool goes = static_cast<bool>(visible_entry(engine, parent, name));
  AUFS_CHECK(check_protection(engine, parent, goes ? Change::kAny : Change::kAddition));
  return check_entry_flags(engine, parent, name);
}

Status check_entry_flags(Engine& engine, const NodePtr& parent, const std::string& name) {
  const Result<NameEntry> entry = visible_entry(engine, parent, name);
  if (!entry || engine.is_writable(entry->top)) return ok();
  const Result<Found> found = lookup(engine, parent, name);
  if (!found) return ok();
  const std::shared_lock guard(found->node->state);
  return check_flags(engine, *found->node, found->attr);
}

}  // namespace aufs
