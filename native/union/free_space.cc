// SPDX-License-Identifier: MIT
#include "union/free_space.h"

#include "sys/attributes.h"

namespace aufs {

std::vector<std::uint64_t> FreeSpace::of(const std::vector<Branch>& branches, std::chrono::seconds expire) {
  const auto now = std::chrono::steady_clock::now();
  const std::lock_guard guard(mutex_);
  if (!bytes_.empty() && now - measured_ < expire) return bytes_;
  bytes_.assign(branches.size(), 0);
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (!branches[i].perm.writable) continue;
    const Result<struct statvfs> vfs = sys::stat_file_system(branches[i].root.get());
    if (vfs) bytes_[i] = static_cast<std::uint64_t>(vfs->f_bavail) * vfs->f_frsize;
  }
  measured_ = now;
  return bytes_;
}

void FreeSpace::forget() {
  const std::lock_guard guard(mutex_);
  bytes_.clear();
}

}  // namespace aufs
