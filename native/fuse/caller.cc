// SPDX-License-Identifier: MIT
#include "fuse/caller.h"

#include <algorithm>
#include <charconv>

#include "sys/process_control.h"

namespace aufs::fuse {

std::string status_of(const wire::InHeader& caller) {
  if (caller.pid == 0) return {};
  std::string path = "/proc/";
  path.append(std::to_string(caller.pid)).append("/status");
  Result<std::string> status = sys::read_text(path.c_str());
  return status ? *std::move(status) : std::string();
}

std::string_view line_of(std::string_view status, std::string_view title) {
  const std::size_t begin = status.find(title);
  if (begin == std::string_view::npos) return {};
  const std::string_view rest = status.substr(begin + title.size());
  return rest.substr(0, rest.find('\n'));
}

std::vector<gid_t> groups_of(const wire::InHeader& caller) {
  const std::string status = status_of(caller);
  std::string_view line = line_of(status, "\nGroups:\t");  // "1 2 3 "
  std::vector<gid_t> groups;
  groups.reserve(line.size() / 2);
  while (!line.empty()) {
    gid_t group = 0;
    const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), group);
    if (error == std::errc()) groups.push_back(group);
    line.remove_prefix(std::max<std::size_t>(1, static_cast<std::size_t>(end - line.data())));
  }
  return groups;
}

}  // namespace aufs::fuse
