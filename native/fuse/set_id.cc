// SPDX-License-Identifier: MIT
#include "fuse/set_id.h"

#include <linux/capability.h>
#include <sys/stat.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>

#include "fuse/operations.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

// /proc/PID/status of the caller; empty if it cannot be seen from here.
std::string status_of(const wire::InHeader& caller) {
  if (caller.pid == 0) return {};
  std::string path = "/proc/";
  path.append(std::to_string(caller.pid)).append("/status");
  Result<std::string> status = sys::read_text(path.c_str());
  return status ? *std::move(status) : std::string();
}

// What stands after "\nNAME:\t"; empty if there is no such line.
std::string_view line_of(std::string_view status, std::string_view title) {
  const std::size_t begin = status.find(title);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = status.substr(begin + title.size());
  return rest.substr(0, rest.find('\n'));
}

// "1 2 3 "
bool lists_group(std::string_view line, gid_t gid) {
  while (!line.empty()) {
    gid_t group = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), group);
    if (error == std::errc() && group == gid) return true;
    line.remove_prefix(std::max<std::size_t>(1, static_cast<std::size_t>(end - line.data())));
  }
  return false;
}

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
  return lists_group(line_of(status_of(caller), "\nGroups:\t"), gid);
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
