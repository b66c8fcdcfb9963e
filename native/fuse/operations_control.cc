// SPDX-License-Identifier: MIT
// ioctl(2): what controls the mount, see branch_control.h, and the flags of chattr(1).
#include <algorithm>
#include <string>

#include "fuse/branch_control.h"
#include "fuse/notify.h"
#include "fuse/operations.h"
#include "sys/inode_flags.h"
#include "sys/mount_control.h"
#include "sys/process_control.h"

namespace aufs::fuse {

namespace {

constexpr Error kNoSuchCommand{ENOTTY, "ioctl"};

// Since Linux 5.14 (7.34) the kernel itself asks for flags and sets them, when it has checked that the caller may; before that, ioctls
// come through as they are.
bool kernel_checks_flags(const Call& call) noexcept {
  return call.server.negotiated.minor >= 34;
}

template <typename T>
Status reply_value(Call& call, const wire::IoctlIn& in, const T& value) {
  if (in.out_size != sizeof value) return kNoSuchCommand;
  call.reply.send_structs(wire::IoctlOut{}, value);
  return ok();
}

template <typename T>
Result<T> value_of(const Call& call) {
  T value{};
  if (call.request.data.size() != sizeof value) return kNoSuchCommand;
  std::memcpy(&value, call.request.data.data(), sizeof value);
  return value;
}

// The change moved the time of the inode, too.
Status reply_changed(Call& call) {
  call.reply.send_struct(wire::IoctlOut{});
  notify_attributes_changed(call.device, call.request.header.nodeid);
  return ok();
}

Status on_flags(Call& call, const wire::IoctlIn& in) {
  AUFS_TRY(const NodePtr node, node_of(call));
  UnionFs& fs = call.server.fs;
  if (in.cmd == sys::kGetFlags) {
    AUFS_TRY(const std::uint32_t flags, fs.flags_of(node));
    return reply_value(call, in, flags);
  }
  if (in.cmd == sys::kGetExtendedFlags) {
    AUFS_TRY(const sys::ExtendedFlags flags, fs.extended_flags_of(node));
    return reply_value(call, in, flags);
  }
  if (in.cmd == sys::kSetFlags) {
    AUFS_TRY(const std::uint32_t flags, value_of<std::uint32_t>(call));
    AUFS_CHECK(fs.set_flags(node, flags));
    return reply_changed(call);
  }
  if (in.cmd != sys::kSetExtendedFlags) return kNoSuchCommand;
  AUFS_TRY(const sys::ExtendedFlags flags, value_of<sys::ExtendedFlags>(call));
  AUFS_CHECK(fs.set_extended_flags(node, flags));
  return reply_changed(call);
}

Status on_control(Call& call) {
  const std::uint32_t uid = call.request.header.uid;
  if (uid != 0 && uid != sys::user_id()) return Error{EPERM, "ioctl"};
  const std::string command(reinterpret_cast<const char*>(call.request.data.data()),
                            call.request.data.size());
  std::string answer = obey_control(call.server, command, call.device);
  answer.resize(sys::kControlSize);
  const wire::IoctlOut out{};
  std::string reply(reinterpret_cast<const char*>(&out), sizeof out);
  reply.append(answer);
  call.reply.send_text(reply);
  return ok();
}

}  // namespace

// ENOTTY, not ENOSYS: the kernel asks again, but programs that probe with ioctl(2) get the answer that they know.
Status on_ioctl(Call& call) {
  const auto in = call.request.as<wire::IoctlIn>();
  if (in.cmd == sys::kControlCommand && in.out_size == sys::kControlSize) return on_control(call);
  return kernel_checks_flags(call) ? on_flags(call, in) : kNoSuchCommand;
}

}  // namespace aufs::fuse
