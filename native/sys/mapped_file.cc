// SPDX-License-Identifier: MIT
#include "sys/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "sys/file_io.h"

namespace aufs::sys {

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

Result<MappedFile> map_own_file(const char* path) {
  AUFS_TRY(const UniqueFd fd, open_at(AT_FDCWD, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
  AUFS_TRY(const struct stat st, stat_fd(fd.get()));
  if (!S_ISREG(st.st_mode) || st.st_size <= 0) return Error{EINVAL, "mmap"};
  if (st.st_uid != 0 && st.st_uid != ::geteuid()) return Error{EPERM, "mmap"};
  const auto size = static_cast<std::size_t>(st.st_size);
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd.get(), 0);
  if (at == MAP_FAILED) return Error::last("mmap");
  return MappedFile({static_cast<const std::byte*>(at), size});
}

}  // namespace aufs::sys
