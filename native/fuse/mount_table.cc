// SPDX-License-Identifier: MIT
#include "fuse/mount_table.h"

#include <charconv>

#include "sys/mount_id.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

bool is_octal(char c) noexcept {
  return c >= '0' && c <= '7';
}

// "\040" is how the table writes a space.
std::string read_back(std::string_view text) {
  std::string plain;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const bool escaped = text[at] == '\\' && at + 3 < text.size() && is_octal(text[at + 1]) &&
                         is_octal(text[at + 2]) && is_octal(text[at + 3]);
    if (!escaped) {
      plain += text[at];
      continue;
    }
    plain += static_cast<char>((text[at + 1] - '0') * 64 + (text[at + 2] - '0') * 8 + (text[at + 3] - '0'));
    at += 3;
  }
  return plain;
}

std::string_view take_until(std::string_view& rest, char separator) noexcept {
  const std::size_t end = rest.find(separator);
  const std::string_view part = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  return part;
}

std::optional<MountLine> parse_line(std::string_view line) {
  MountLine mount;
  const std::string_view id = take_until(line, ' ');
  const auto [end, error] = std::from_chars(id.data(), id.data() + id.size(), mount.id);
  if (error != std::errc() || end != id.data() + id.size()) return std::nullopt;
  take_until(line, ' ');  // parent
  mount.device = take_until(line, ' ');
  take_until(line, ' ');  // root within the file system
  mount.point = read_back(take_until(line, ' '));
  // mount options and optional fields, then " - TYPE SOURCE OPTIONS"
  const std::size_t dash = line.find(" - ");
  if (dash == std::string_view::npos || mount.point.empty()) return std::nullopt;
  line = line.substr(dash + 3);
  mount.type = take_until(line, ' ');
  return mount;
}

}  // namespace

std::vector<MountLine> parse_mount_table(std::string_view text) {
  std::vector<MountLine> lines;
  while (!text.empty()) {
    if (auto line = parse_line(take_until(text, '\n'))) lines.push_back(*std::move(line));
  }
  return lines;
}

std::optional<MountLine> top_mount_on(const std::string& point) {
  const Result<std::string> text = sys::read_text("/proc/self/mountinfo");
  if (!text) return std::nullopt;
  std::optional<MountLine> top;
  for (MountLine& line : parse_mount_table(*text)) {
    if (line.point == point) top = std::move(line);
  }
  if (!top) return std::nullopt;
  if (const std::uint64_t unique = sys::unique_mount_id(point.c_str()); unique != 0) top->id = unique;
  return top;
}

}  // namespace aufs::fuse
