// SPDX-License-Identifier: MIT
// Attributes and extended attributes.
#include <algorithm>
#include <string_view>

#include "fuse/convert.h"
#include "fuse/notify.h"
#include "fuse/operations.h"
#include "fuse/set_id.h"

namespace aufs::fuse {
namespace {

// The convention of the xattr calls: a size of 0 asks how long the answer is.
Status reply_sized(Call& call, const std::string& value, std::uint32_t room) {
  if (room == 0) {
    call.reply.send_struct(wire::GetxattrOut{static_cast<std::uint32_t>(value.size()), 0});
    return ok();
  }
  if (value.size() > room) return Error{ERANGE, "getxattr"};
  call.reply.send_text(value);
  return ok();
}

// An attribute that every file of a mount answers and none lists: "INDEX PERM PATH" of the branch that its data is in. It is how
// `node-aufs which` asks a mount that somebody else made.
constexpr std::string_view kBranchAttribute = "aufs.branch";

Result<std::string> describe_branch(UnionFs& fs, const NodePtr& node) {
  const BranchIndex index = fs.branch_of(node);
  AUFS_TRY(const std::string path, fs.branch_path(index));
  return std::to_string(index) + " " + perm_text(fs.branches()[static_cast<std::size_t>(index)].perm) + " " +
         path;
}

// The kernel's own file systems show these names to the administrator only; this process sees them for everybody.
std::string without_trusted(std::string_view names) {
  constexpr std::string_view kTrusted = "trusted.";
  std::string shown;
  while (!names.empty()) {
    const std::string_view name = names.substr(0, names.find('\0'));
    if (name.substr(0, kTrusted.size()) != kTrusted) shown.append(name).push_back('\0');
    names.remove_prefix(std::min(name.size() + 1, names.size()));
  }
  return shown;
}

// Somebody outside the file's group has set an ACL, so that the set-group-ID bit has to go. The backing file system does
// not see who it was: to it, everything is done by this process.
Status clear_set_gid(UnionFs& fs, const NodePtr& node) {
  AUFS_TRY(const Attr attr, fs.getattr(node));
  if ((attr.st.st_mode & S_ISGID) == 0) return ok();
  SetAttr change;
  change.mode = attr.st.st_mode & 07777 & ~static_cast<mode_t>(S_ISGID);
  AUFS_CHECK(fs.setattr(node, change));
  return ok();
}

// The attributes of a file that may have been mapped, and is not any more, may be kept by the kernel again. Where that cannot be
// found out, it is taken as mapped.
void settle(Call& call, const NodePtr& node) {
  const std::uint64_t nodeid = call.request.header.nodeid;
  const auto is_written = [&] {
    const Result<bool> written = call.server.fs.has_writers(node);
    return !written || *written;
  };
  if (call.server.mapped.settle(nodeid, is_written)) notify_attributes_changed(call.device, nodeid);
}

double attr_seconds(const Call& call) {
  return call.server.attr_seconds(call.request.header.nodeid);
}

}  // namespace

Status on_getattr(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call));
  settle(call, node);
  AUFS_TRY(const Attr attr, call.server.fs.getattr(node));
  call.reply.send_struct(to_attr_out(attr, attr_seconds(call)));
  return ok();
}

// The kernel asks only who wants the time of birth, and nobody once it was told that there is no such call.
Status on_statx(Call& call) {
  if (!call.server.settings.birth_times) return Error{ENOSYS, "statx"};
  AUFS_TRY(const NodePtr node, node_of(call));
  settle(call, node);
  AUFS_TRY(const Attr attr, call.server.fs.getattr(node));
  const WireTime valid = to_wire_time(attr.passing ? 0 : attr_seconds(call));
  call.reply.send_struct(wire::StatxOut{valid.seconds, valid.nanoseconds, 0, {}, to_wire_statx(attr)});
  return ok();
}

Status on_setattr(Call& call) {
  const auto in = call.request.as<wire::SetattrIn>();
  AUFS_TRY(const NodePtr node, node_of(call));
  const std::uint64_t nodeid = call.request.header.nodeid;
  // A new owner or group takes the bits away in any case, which the backing file system does except where it is a matter of groups.
  if ((in.valid & (wire::kSetUid | wire::kSetGid)) != 0)
    AUFS_CHECK(drop_set_id_unless_privileged(call, nodeid));
  AUFS_TRY(Attr attr, call.server.fs.setattr(node, from_wire(in)));
  if ((in.valid & wire::kSetKillSetId) != 0 && (attr.st.st_mode & S_ISGID) != 0) {
    AUFS_CHECK(drop_set_id(call, nodeid));
    AUFS_TRY(attr, call.server.fs.getattr(node));
  }
  call.reply.send_struct(to_attr_out(attr, attr_seconds(call)));
  return ok();
}

Status on_readlink(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call));
  AUFS_TRY(const std::string target, call.server.fs.readlink(node));
  call.reply.send_text(target);
  return ok();
}

Status on_statfs(Call& call) {
  AUFS_TRY(const struct statvfs stat, call.server.fs.statfs());
  call.reply.send_struct(to_wire(stat, call.server.fs.name_max()));
  return ok();
}

Status on_getxattr(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call));
  if (call.request.name == kBranchAttribute) {
    AUFS_TRY(const std::string branch, describe_branch(call.server.fs, node));
    return reply_sized(call, branch, call.request.as<wire::GetxattrIn>().size);
  }
  AUFS_TRY(const std::string value, call.server.fs.getxattr(node, std::string(call.request.name)));
  return reply_sized(call, value, call.request.as<wire::GetxattrIn>().size);
}

Status on_listxattr(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call));
  AUFS_TRY(std::string names, call.server.fs.listxattr(node));
  if (call.request.header.uid != 0) names = without_trusted(names);
  return reply_sized(call, names, call.request.as<wire::GetxattrIn>().size);
}

Status on_setxattr(Call& call) {
  const auto in = call.request.as<wire::SetxattrIn>();
  AUFS_TRY(const NodePtr node, node_of(call));
  const std::string_view value(reinterpret_cast<const char*>(call.request.data.data()),
                               call.request.data.size());
  AUFS_CHECK(
      call.server.fs.setxattr(node, std::string(call.request.name), value, static_cast<int>(in.flags)));
  if ((in.setxattr_flags & wire::kSetxattrAclKillSgid) != 0) return clear_set_gid(call.server.fs, node);
  return ok();
}

Status on_removexattr(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call));
  return call.server.fs.removexattr(node, std::string(call.request.name));
}

}  // namespace aufs::fuse
