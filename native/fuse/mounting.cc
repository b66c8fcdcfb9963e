// SPDX-License-Identifier: MIT
#include "fuse/mounting.h"

#include <fcntl.h>
#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <utility>
#include <vector>

#include "fuse/mount_table.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/fuse_device.h"
#include "sys/process_control.h"
#include "sys/programs.h"

namespace aufs::fuse {
namespace {

constexpr const char* kHelper = "fusermount3";

// Number of user ids that exist in this user namespace; the initial one has them all.
bool has_several_users() {
  const Result<std::string> map = sys::read_text("/proc/self/uid_map");
  if (!map) return true;
  std::size_t lines = 0;
  bool ranges = false;
  for (std::size_t begin = 0; begin < map->size();) {
    const std::size_t end = std::min(map->find('\n', begin), map->size());
    const std::string line = map->substr(begin, end - begin);
    ++lines;
    ranges = ranges || line.substr(line.find_last_of(' ') + 1) != "1";
    begin = end + 1;
  }
  return lines > 1 || ranges;
}

Outcome<UniqueFd> mount_directly(const Options& options, const std::string& target, UniqueFd device) {
  std::string data = "fd=" + std::to_string(device.get()) +
                     ",rootmode=40000,user_id=" + std::to_string(sys::user_id()) +
                     ",group_id=" + std::to_string(sys::group_id()) + ",default_permissions";
  if (options.allow_other.value_or(has_several_users())) data += ",allow_other";
  const Status mounted = sys::mount_file_system(options.fsname.c_str(), target.c_str(), kMountType,
                                                options.mount_flags, data.c_str());
  if (mounted) return device;
  const int code = mounted.error().code;
  return Failure{"ERR_MOUNT_DENIED", code,
                 "cannot mount on '" + target + "' with mount(2)" + reason_of(code) +
                     "; mounting needs CAP_SYS_ADMIN, or as an ordinary user the package fuse3",
                 target};
}

// A comma in a value would end the option for fusermount3.
std::string escape_commas(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == ',' || c == '\\') escaped += '\\';
    escaped += c;
  }
  return escaped;
}

// fusermount3 adds nosuid and nodev by itself, and refuses words that it does not know.
std::string helper_options(const Options& options) {
  std::string text = "fsname=" + escape_commas(options.fsname) + ",subtype=node-aufs,default_permissions";
  constexpr std::pair<unsigned long, const char*> kPassed[] = {
      {MS_RDONLY, ",ro"},       {MS_NOEXEC, ",noexec"},         {MS_SYNCHRONOUS, ",sync"},
      {MS_NOATIME, ",noatime"}, {MS_NODIRATIME, ",nodiratime"}, {MS_DIRSYNC, ",dirsync"}};
  for (const auto& [flag, word] : kPassed) {
    if ((options.mount_flags & flag) != 0) text += word;
  }
  if (options.allow_other.value_or(false)) text += ",allow_other";
  return text;
}

Failure helper_failure(const std::string& target, int code, const std::string& why) {
  return {"ERR_FUSERMOUNT", code, "cannot mount on '" + target + "' with fusermount3: " + why, target};
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  return text;
}

Outcome<UniqueFd> mount_with_helper(const Options& options, const std::string& target) {
  Result<sys::Pair> channel = sys::stream_pair();
  if (!channel)
    return helper_failure(target, channel.error().code, "no socket for it" + reason_of(channel.error().code));
  const int theirs = channel->second.get();
  const Result<sys::Finished> helper =
      sys::run_program({kHelper, "-o", helper_options(options), "--", target},
                       "_FUSE_COMMFD=" + std::to_string(theirs), theirs);
  if (!helper) {
    const int code = helper.error().code;
    return helper_failure(target, code,
                          (code == ENOENT ? "there is no such program" : "it cannot be started") +
                              reason_of(code) + "; install the package fuse3, or run as root");
  }
  channel->second.reset();
  if (helper->exit.code != 0 || helper->exit.signal != 0) {
    return helper_failure(target, EPERM, "it said: " + one_line(helper->errors));
  }
  Result<UniqueFd> device = sys::receive_descriptor(channel->first.get());
  if (!device) {
    return helper_failure(target, device.error().code, "it sent no descriptor " + one_line(helper->errors));
  }
  return *std::move(device);
}

Status unmount_with_helper(const std::string& target, sys::Unmount how) {
  std::vector<std::string> arguments{kHelper, "-u"};
  if (how == sys::Unmount::kLazy) arguments.emplace_back("-z");
  arguments.insert(arguments.end(), {"--", target});
  AUFS_TRY(const sys::Finished finished, sys::run_program(arguments, "", -1));
  if (finished.exit.code == 0 && finished.exit.signal == 0) return ok();
  // It says why in a sentence only; a mount that is still there was in use.
  if (top_mount_on(target)) return Error{EBUSY, "fusermount3"};
  return Error{EINVAL, "fusermount3"};
}

// As /proc/self/mountinfo writes it. A dead mount may not let us look at the last component, so that it must be no symlink then.
std::string mountpoint_of(const std::string& target) {
  if (Result<std::string> real = sys::real_path(target)) return *std::move(real);
  const std::size_t slash = target.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : target.substr(0, slash + 1);
  Result<std::string> point = sys::real_path(parent);
  if (!point) return target;
  return std::move(*point).append("/").append(target, slash + 1, std::string::npos);
}

// Asked of the server itself: attributes come from the kernel's cache, also of a dead mount.
bool is_dead(const std::string& point) {
  const Result<UniqueFd> root = sys::open_at(AT_FDCWD, point.c_str(), O_PATH);
  if (!root) return failed_with(root, ENOTCONN);
  const auto told = sys::stat_file_system(root->get());
  return failed_with(told, ENOTCONN) || failed_with(told, ECONNABORTED);
}

}  // namespace

void remove_dead_mount(const std::string& target) {
  const std::string point = mountpoint_of(target);
  for (;;) {
    const auto top = top_mount_on(point);
    if (!top || top->type != kMountType || !is_dead(point)) return;
    if (!unmount(point, sys::Unmount::kLazy)) return;
  }
}

MaybeFailure check_device() {
  const Result<UniqueFd> device = sys::open_fuse_device();
  if (device) return std::nullopt;
  const int code = device.error().code;
  const char* advice = "; load it with: modprobe fuse (in a container: --device /dev/fuse)";
  if (code == EACCES || code == EPERM)
    advice = "; make it accessible with: chmod 666 /dev/fuse (udev's default)";
  return Failure{"ERR_FUSE_DEVICE", code, "cannot open /dev/fuse" + reason_of(code) + advice, "/dev/fuse"};
}

Outcome<UniqueFd> mount_union(const Options& options, const std::string& target) {
  Result<UniqueFd> device = sys::open_fuse_device();
  if (!device) return *check_device();
  if (!sys::has_effective_admin()) return mount_with_helper(options, target);
  Outcome<UniqueFd> mounted = mount_directly(options, target, *std::move(device));
  if (mounted || mounted.failure().number != EPERM) return mounted;
  // The capability does not reach: the mount namespace belongs to another user namespace.
  Outcome<UniqueFd> helped = mount_with_helper(options, target);
  return helped ? std::move(helped) : std::move(mounted);
}

Status unmount(const std::string& target, sys::Unmount how) {
  const Status direct = sys::unmount_file_system(target.c_str(), how);
  if (direct || direct.error().code != EPERM) return direct;
  return unmount_with_helper(target, how);
}

}  // namespace aufs::fuse
