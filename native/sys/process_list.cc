// SPDX-License-Identifier: MIT
#include "sys/process_list.h"

#include <fcntl.h>

#include <charconv>

#include "sys/directory.h"
#include "sys/process_control.h"

namespace aufs::sys {
namespace {

// 0 if the name is no number.
pid_t pid_of(std::string_view name) noexcept {
  pid_t pid = 0;
  const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
  return error == std::errc() && end == name.data() + name.size() ? pid : 0;
}

std::string text_of(pid_t pid, const char* file) {
  const std::string path = std::string("/proc/").append(std::to_string(pid)).append("/").append(file);
  Result<std::string> text = read_text(path.c_str());
  return text ? *std::move(text) : std::string();  // it has ended, or is not ours to see
}

}  // namespace

Result<std::vector<RunningProcess>> processes_named(std::string_view name) {
  std::vector<RunningProcess> found;
  AUFS_CHECK(for_each_entry(AT_FDCWD, "/proc", [&](const RawEntry& entry) {
    const pid_t pid = pid_of(entry.name);
    if (pid != 0 && text_of(pid, "comm").starts_with(name)) found.push_back({pid, text_of(pid, "cmdline")});
    return true;
  }));
  return found;
}

}  // namespace aufs::sys
