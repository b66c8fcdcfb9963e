// SPDX-License-Identifier: MIT
// Any -o list and any mount table is read or refused, never more.
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "fuse/mount_table.h"
#include "fuse/options.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string> arguments{"node-aufs-fuse", "-o", text, "/target"};
  const auto options = aufs::fuse::parse_command_line(arguments);
  const auto lines = aufs::fuse::parse_mount_table(text);
  volatile bool sink = static_cast<bool>(options) || lines.empty();
  (void)sink;
  return 0;
}
