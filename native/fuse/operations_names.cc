// SPDX-License-Identifier: MIT
// Names: look-up, and everything that makes, removes or moves one.
//
// Attributes are cached for an hour, so each change must reach the kernel. What the kernel knows by itself: the parents of
// an operation are invalidated; unlink, rmdir and a rename over something lower the count of the inode they hit and ask
// for its ctime again; rename does the same for what moved; link takes the new attributes from the reply. All names of a
// hard-link group are one Node, hence one inode there. So nothing here needs a notification.
#include <unistd.h>

#include "fuse/caller.h"
#include "fuse/convert.h"
#include "fuse/find_again.h"
#include "fuse/operations.h"
#include "sys/credentials.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

// A node that the kernel asks for by its nodeid alone, as it does for a file handle: it may have forgotten it, or be about to.
Result<Found> found_by_id(Call& call) {
  Server& server = call.server;
  const std::uint64_t id = call.request.header.nodeid;
  const NodePtr node = server.nodes.get(id);
  if (node == nullptr) return find_again(server.fs, server.nodes, id);
  AUFS_TRY(const Attr attr, server.fs.getattr(node));
  if (attr.st.st_nlink == 0) return Error{ESTALE, "handle"};
  return Found{node, attr};
}

Status reply_self_or_parent(Call& call) {
  AUFS_TRY(const Found self, found_by_id(call));
  if (call.request.name == ".") return reply_entry(call, self);
  AUFS_TRY(const Found parent, call.server.fs.lookup(self.node, ".."));
  return reply_entry(call, parent);
}

Status rename(Call& call, std::uint64_t new_parent_id, unsigned flags) {
  AUFS_TRY(const NodePtr parent, node_of(call));
  AUFS_TRY(const NodePtr new_parent, node_of(call, new_parent_id));
  return call.server.fs.rename(parent, call.request.name, new_parent, call.request.second, flags);
}

}  // namespace

Result<NodePtr> node_of(Call& call, std::uint64_t id) {
  NodePtr node = call.server.nodes.get(id);
  if (node == nullptr) return Error{ESTALE, "fuse"};
  return node;
}

Result<NodePtr> node_of(Call& call) {
  return node_of(call, call.request.header.nodeid);
}

Status check_layers(Call& call, const NodePtr& dir, int mode) {
  const wire::InHeader& caller = call.request.header;
  if (call.server.settings.dirperm1 || caller.uid == 0) return ok();
  const sys::ActAs somebody(caller.uid, caller.gid, groups_of(caller));
  return call.server.fs.access_layers(dir, mode);
}

Caller caller_of(const Call& call) noexcept {
  return {call.request.header.uid, call.request.header.gid};
}

Status reply_entry(Call& call, const Found& found) {
  Server& server = call.server;
  const std::uint64_t nodeid = server.nodes.remember(found.node);
  const auto entry = to_entry(nodeid, found.attr, server.timeouts.entry, server.attr_seconds(nodeid));
  if (!call.reply.send_struct(entry)) server.forget(nodeid, 1);
  return ok();
}

// An absent name is a reply too: the kernel then keeps a negative entry.
Status on_lookup(Call& call) {
  if (call.request.name == "." || call.request.name == "..") return reply_self_or_parent(call);
  AUFS_TRY(const NodePtr parent, node_of(call));
  AUFS_CHECK(check_layers(call, parent, X_OK));
  const Result<Found> found = call.server.fs.lookup(parent, call.request.name);
  if (found) {
    call.server.nodes.note_asked(call.request.header.nodeid);
    return reply_entry(call, *found);
  }
  const double absent_for = call.server.timeouts.negative;
  if (found.error().code != ENOENT || absent_for <= 0) return found.error();
  call.reply.send_struct(to_entry(0, Attr{}, absent_for, 0));
  return ok();
}

Status on_forget(Call& call) {
  call.reply.give_none();
  call.server.forget(call.request.header.nodeid, call.request.as<wire::ForgetIn>().nlookup);
  return ok();
}

Status on_batch_forget(Call& call) {
  call.reply.give_none();
  std::span<const std::byte> rest = call.request.data;
  for (; rest.size() >= sizeof(wire::ForgetOne); rest = rest.subspan(sizeof(wire::ForgetOne))) {
    wire::ForgetOne one;
    std::memcpy(&one, rest.data(), sizeof one);
    call.server.forget(one.nodeid, one.nlookup);
  }
  return ok();
}

Status on_mknod(Call& call) {
  const auto in = call.request.as<wire::MknodIn>();
  AUFS_TRY(const NodePtr parent, node_of(call));
  const sys::UmaskScope umask(in.umask);
  AUFS_TRY(const Found made,
           call.server.fs.mknod(parent, call.request.name, in.mode, unpack_device(in.rdev), caller_of(call)));
  return reply_entry(call, made);
}

Status on_mkdir(Call& call) {
  const auto in = call.request.as<wire::MkdirIn>();
  AUFS_TRY(const NodePtr parent, node_of(call));
  const sys::UmaskScope umask(in.umask);
  AUFS_TRY(const Found made, call.server.fs.mkdir(parent, call.request.name, in.mode, caller_of(call)));
  return reply_entry(call, made);
}

Status on_symlink(Call& call) {
  AUFS_TRY(const NodePtr parent, node_of(call));
  AUFS_TRY(const Found made, call.server.fs.symlink(parent, call.request.name,
                                                    std::string(call.request.second), caller_of(call)));
  return reply_entry(call, made);
}

Status on_link(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call, call.request.as<wire::LinkIn>().oldnodeid));
  AUFS_TRY(const NodePtr parent, node_of(call));
  AUFS_TRY(const Found linked, call.server.fs.link(node, parent, call.request.name));
  return reply_entry(call, linked);
}

Status on_unlink(Call& call) {
  AUFS_TRY(const NodePtr parent, node_of(call));
  return call.server.fs.unlink(parent, call.request.name);
}

Status on_rmdir(Call& call) {
  AUFS_TRY(const NodePtr parent, node_of(call));
  return call.server.fs.rmdir(parent, call.request.name);
}

Status on_rename(Call& call) {
  return rename(call, call.request.as<wire::RenameIn>().newdir, 0);
}

Status on_rename2(Call& call) {
  const auto in = call.request.as<wire::Rename2In>();
  return rename(call, in.newdir, in.flags);
}

}  // namespace aufs::fuse
