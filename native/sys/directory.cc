// SPDX-License-Identifier: MIT
#include "sys/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>

#include "sys/call.h"
#include "sys/file_io.h"

namespace aufs::sys {
namespace {

constexpr std::size_t kBufferSize = 64 * 1024;

// The record that getdents64(2) fills in; glibc gives it no public name.
struct LinuxDirent64 {
  std::uint64_t d_ino;
  std::int64_t d_off;
  unsigned short d_reclen;
  unsigned char d_type;
  char d_name[1];
};

bool is_dot(std::string_view name) {
  return name == "." || name == "..";
}

}  // namespace

Status for_each_entry(int dir, const char* name, const std::function<bool(const RawEntry&)>& visit) {
  AUFS_TRY(const UniqueFd fd,
           open_at(dir, *name == '\0' ? "." : name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK));
  const auto buffer = std::make_unique<char[]>(kBufferSize);
  for (;;) {
    const long n =
        retry_eintr([&] { return ::syscall(SYS_getdents64, fd.get(), buffer.get(), kBufferSize); });
    if (n < 0) return Error::last("getdents64");
    if (n == 0) return ok();
    for (long at = 0; at < n;) {
      const auto* entry = reinterpret_cast<const LinuxDirent64*>(buffer.get() + at);
      at += entry->d_reclen;
      const std::string_view entry_name = entry->d_name;
      if (is_dot(entry_name)) continue;
      if (!visit({entry_name, entry->d_ino, entry->d_type})) return ok();
    }
  }
}

}  // namespace aufs::sys
