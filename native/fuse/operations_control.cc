// SPDX-License-Identifier: MIT
// ioctl(2): only what controls the mount; see branch_control.h.
#include <algorithm>
#include <string>

#include "fuse/branch_control.h"
#include "fuse/operations.h"
#include "sys/mount_control.h"
#include "sys/process_control.h"

namespace aufs::fuse {

// ENOTTY, not ENOSYS: the kernel asks again, but programs that probe with ioctl(2) get the answer that they know.
Status on_ioctl(Call& call) {
  const auto in = call.request.as<wire::IoctlIn>();
  if (in.cmd != sys::kControlCommand || in.out_size != sys::kControlSize) return Error{ENOTTY, "ioctl"};
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

}  // namespace aufs::fuse
