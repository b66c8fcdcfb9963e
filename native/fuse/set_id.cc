// SPDX-License-Identifier: MIT
#include "fuse/set_id.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "fuse/caller.h"
#include "fuse/notify.h"
#include "fuse/operations.h"

namespace aufs::fuse {
namespace {

bool has_set_id(mode_t mode) noexcept {
  return (mode & (S_ISUID | S_ISGID)) != 0;
}

bool may_keep_set_id(const wire::InHeader& caller) {
  if (caller.uid != 0) return false;
  const std::string status = status_of(caller);
  const std::string_view line = line_of(status, "\nCapEff:\t");
  std::uint64_t effective = 0;
  const auto read = std::from_chars(line.data(), line.data() + line.size(), effective, 16);
  return read.ec != std::errc() || (effective & (1ULL << CAP_FSETID)) != 0;
}

}  // namespace

bool is_caller_in_group(const Call& call, gid_t gid) {
  const wire::InHeader& caller = call.request.header;
  if (caller.gid == gid) return true;
  const std::vector<gid_t> groups = groups_of(caller);
  return std::find(groups.begin(), groups.end(), gid) != groups.end();
}

mode_t without_set_id(mode_t mode, bool in_group) noexcept {
  const bool keeps_gid = in_group && (mode & S_IXGRP) == 0;
  return mode & ~static_cast<mode_t>(S_ISUID | (keeps_gid ? 0 : S_ISGID));
}

Status drop_set_id(Call& call, std::uint64_t nodeid) {
  UnionFs& fs = call.server.fs;
  AUFS_TRY(const NodePtr node, node_of(call, nodeid));
  AUFS_TRY(const Attr attr, fs.getattr(node));
  const mode_t mode = attr.st.st_mode & 07777;
  if (!has_set_id(mode) || !S_ISREG(attr.st.st_mode)) return ok();
  const bool decides = (mode & (S_ISGID | S_IXGRP)) == S_ISGID;
  const mode_t kept = without_set_id(mode, decides && is_caller_in_group(call, attr.st.st_gid));
  if (kept == mode) return ok();
  SetAttr change;
  change.mode = kept;
  AUFS_CHECK(fs.setattr(node, change));
  notify_attributes_changed(call.device, nodeid);
  return ok();
}

Status drop_set_id_unless_privileged(Call& call, std::uint64_t nodeid) {
  AUFS_TRY(const NodePtr node, node_of(call, nodeid));
  AUFS_TRY(const Attr attr, call.server.fs.getattr(node));
  if (!has_set_id(attr.st.st_mode) || may_keep_set_id(call.request.header)) return ok();
  return drop_set_id(call, nodeid);
}

}  // namespace aufs::fuse
