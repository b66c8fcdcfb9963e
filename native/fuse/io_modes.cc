// SPDX-License-Identifier: MIT
#include "fuse/io_modes.h"

#include <cerrno>

namespace aufs::fuse {

const char* lasting_reason(int code) noexcept {
  switch (code) {
    case EPERM: return "needs CAP_SYS_ADMIN in the initial user namespace";
    case ELOOP: return "the writable branch lies on a stacked file system";
    case ENOTTY: return "this kernel has no passthrough (Linux 6.9)";
    case EOPNOTSUPP:
    case EINVAL: return "the file system of the writable branch does not support it";
    default: return nullptr;  // EMFILE, ENOMEM, …: another time
  }
}

IoModes::IoModes(BackingRegistry* registry, const char* why_not) noexcept
    : registry_(registry), why_not_(registry == nullptr ? why_not : nullptr) {}

// 0 if there is no id for this file.
std::int32_t IoModes::register_backing(int fd) {
  if (why_not() != nullptr) return 0;
  const Result<std::int32_t> id = registry_->open_backing(fd);
  if (id) return *id;
  if (const char* reason = lasting_reason(id.error().code)) give_up(reason);
  return 0;
}

OpenMode IoModes::open(std::uint64_t nodeid, std::optional<int> backing_fd) {
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  State& state = shard.states[nodeid];
  if (state.passthrough == 0 && state.cached == 0 && backing_fd)
    state.backing_id = register_backing(*backing_fd);
  if (state.backing_id != 0) {
    ++state.passthrough;
    state.stale = true;
    return {true, state.backing_id, false};
  }
  ++state.cached;
  const bool keep = !state.stale;
  state.stale = false;
  return {false, 0, keep};
}

void IoModes::close(std::uint64_t nodeid, bool passthrough) {
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.states.find(nodeid);
  if (found == shard.states.end()) return;
  State& state = found->second;
  std::uint32_t& count = passthrough ? state.passthrough : state.cached;
  if (count > 0) --count;
  if (state.passthrough == 0 && state.backing_id != 0) {
    registry_->close_backing(state.backing_id);
    state.backing_id = 0;
  }
  if (state.cached == 0 && state.passthrough == 0 && !state.stale) shard.states.erase(found);
}

void IoModes::while_closed(std::uint64_t nodeid, const std::function<void()>& work) {
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  // What is known of a file means that it is open or that its pages are stale.
  if (shard.states.find(nodeid) == shard.states.end()) work();
}

void IoModes::forget(std::uint64_t nodeid) {
  Shard& shard = shards_[nodeid % kShards];
  const std::lock_guard lock(shard.mutex);
  const auto found = shard.states.find(nodeid);
  if (found == shard.states.end()) return;
  if (found->second.cached == 0 && found->second.passthrough == 0) shard.states.erase(found);
}

}  // namespace aufs::fuse
