// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace aufs::fuse {

// One line of /proc/self/mountinfo, as far as it matters here.
struct MountLine {
  std::uint64_t id = 0;
  std::string device;  // "major:minor"
  std::string point;   // with \040 and the like read back
  std::string type;    // "fuse.node-aufs"
};

// Lines that are not in the documented form (proc_pid_mountinfo(5)) are left out.
std::vector<MountLine> parse_mount_table(std::string_view text);

// What is mounted on `point`, topmost; the kernel lists a later mount after the one that it covers. Its id is one that no later
// mount gets, where the kernel has such (Linux 6.8): numbers of the table are used again at once.
std::optional<MountLine> top_mount_on(const std::string& point);

}  // namespace aufs::fuse
