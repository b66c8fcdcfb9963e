// SPDX-License-Identifier: MIT
#include "fuse/find_again.h"

#include <cerrno>
#include <optional>

namespace aufs::fuse {
namespace {

// Names that are out of date can form a ring.
constexpr std::size_t kDeepest = 2048;

constexpr Error kStale{ESTALE, "handle"};

bool leads_nowhere(const Error& error) noexcept {
  return error.code == ENOENT || error.code == ENOTDIR || error.code == ESTALE || error.code == EPERM;
}

// What `name` in `parent` is, if it is the inode `ino`.
Result<Found> look_for(UnionFs& fs, const NodePtr& parent, const std::string& name, std::uint64_t ino) {
  Result<Found> found = fs.lookup(parent, name);
  if (!found) return leads_nowhere(found.error()) ? kStale : found.error();
  if (UnionFs::inode_number(found->node) != ino) return kStale;
  return found;
}

// Up to the nearest directory that is alive, and down again by name.
Result<NodePtr> directory(UnionFs& fs, const NodeTable& nodes, std::uint64_t ino) {
  struct Step {
    std::uint64_t ino;
    std::string name;
  };
  std::vector<Step> way;
  NodePtr at = fs.find_node(ino);
  while (at == nullptr) {
    std::optional<KnownName> known = nodes.forgotten_name(ino);
    if (!known || way.size() >= kDeepest) return kStale;
    way.push_back({ino, std::move(known->name)});
    ino = known->parent;
    at = fs.find_node(ino);
  }
  for (; !way.empty(); way.pop_back()) {
    AUFS_TRY(Found found, look_for(fs, at, way.back().name, way.back().ino));
    at = std::move(found.node);
  }
  return at;
}

Result<Found> look_by(UnionFs& fs, const NodeTable& nodes, const KnownName& known, std::uint64_t ino) {
  AUFS_TRY(const NodePtr parent, directory(fs, nodes, known.parent));
  return look_for(fs, parent, known.name, ino);
}

}  // namespace

Result<Found> find_again(UnionFs& fs, NodeTable& nodes, std::uint64_t id) {
  const std::optional<Forgotten> forgotten = nodes.forgotten(id);
  if (!forgotten || forgotten->name.name.empty()) return kStale;
  Result<Found> found = look_by(fs, nodes, forgotten->name, forgotten->ino);
  for (const KnownName& other : forgotten->others) {
    if (!failed_with(found, ESTALE)) break;
    found = look_by(fs, nodes, other, forgotten->ino);
  }
  if (!failed_with(found, ESTALE)) return found;
  nodes.give_up(id);
  return kStale;
}

}  // namespace aufs::fuse
