// SPDX-License-Identifier: MIT
#include "sys/mount_control.h"

#include <sys/ioctl.h>

#include "sys/call.h"

namespace aufs::sys {

const unsigned kControlCommand = _IOC(_IOC_READ | _IOC_WRITE, 0xAF, 1, kControlSize);

Result<std::string> control_mount(int dir, const std::string& command) {
  if (command.size() > kControlSize) return Error{E2BIG, "ioctl"};
  std::string buffer(command);
  buffer.resize(kControlSize);
  if (retry_eintr([&] { return ::ioctl(dir, kControlCommand, buffer.data()); }) < 0)
    return Error::last("ioctl");
  return std::string(buffer.c_str());
}

}  // namespace aufs::sys
