// SPDX-License-Identifier: MIT
#include "fuse/early_data.h"

#include "fuse/notify.h"

namespace aufs::fuse {

std::size_t give_early(UnionFs& fs, IoModes& modes, int device, const OpenFilePtr& file, std::uint64_t nodeid,
                       std::span<std::byte> buffer) {
  const std::span<const std::byte> data = fs.small_lower_data(file, buffer.first(kSmallFile));
  if (data.empty()) return 0;
  modes.while_closed(nodeid, [&] { fs.while_lower(file, [&] { notify_data(device, nodeid, data); }); });
  return data.size();
}

}  // namespace aufs::fuse
