// SPDX-License-Identifier: MIT
#include "sys/write_order.h"

#include <fcntl.h>
#include <linux/ioctl.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>

#include <cstdint>
#include <string>

#include "sys/call.h"
#include "sys/file_io.h"
#include "sys/file_system.h"
#include "sys/names.h"
#include "sys/process_control.h"

namespace aufs::sys {
namespace {

// struct xfs_fsop_geom_v1 of xfs_fs.h, which is no header of the kernel's user interface.
struct XfsGeometry {
  std::uint32_t sizes[8];
  std::uint64_t data_blocks;
  std::uint64_t realtime_blocks;
  std::uint64_t realtime_extents;
  std::uint64_t log_start;  // 0: on a disk of its own
  std::uint32_t rest[12];
};
static_assert(sizeof(XfsGeometry) == 112);
constexpr unsigned long kXfsGeometry = _IOR('X', 100, XfsGeometry);

constexpr const char* kJournalInode = "-8";  // names the journal of ext4 that is a file of its own

bool xfs_keeps_order(int fd) {
  XfsGeometry geometry{};
  if (::ioctl(fd, kXfsGeometry, &geometry) < 0) return false;
  return geometry.log_start != 0 && geometry.realtime_blocks == 0;
}

bool has_line(const std::string& text, const std::string& start) {
  return text.starts_with(start) || text.find("\n" + start) != std::string::npos;
}

// The name that the kernel has for the device: "sda1", "dm-0".
Result<std::string> device_name(int fd) {
  AUFS_TRY(const struct stat st, stat_fd(fd));
  const std::string link =
      "/sys/dev/block/" + std::to_string(major(st.st_dev)) + ":" + std::to_string(minor(st.st_dev));
  AUFS_TRY(const std::string path, readlink(AT_FDCWD, link.c_str()));
  return path.substr(path.rfind('/') + 1);
}

bool ext4_keeps_order(int fd) {
  const Result<std::string> device = device_name(fd);
  if (!device) return false;
  const Result<std::string> options = read_text(("/proc/fs/ext4/" + *device + "/options").c_str());
  if (!options || !has_line(*options, "data=") || has_line(*options, "journal_async_commit")) return false;
  const Result<bool> own = exists(AT_FDCWD, ("/proc/fs/jbd2/" + *device + kJournalInode).c_str());
  return own && *own;
}

}  // namespace

bool keeps_order(int fd) {
  const Result<std::string> type = file_system_type(fd);
  if (!type) return false;
  if (*type == "xfs") return xfs_keeps_order(fd);
  return *type == "ext4" && ext4_keeps_order(fd);
}

}  // namespace aufs::sys
