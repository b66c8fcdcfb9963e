// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "layer/pax.h"
#include "layer/sparse_map.h"
#include "layer/tar_block.h"

namespace aufs::layer {

enum class EntryType { kFile, kHardLink, kSymlink, kCharDevice, kBlockDevice, kDirectory, kFifo };

// One file of an archive, its headers put together. Names are as the archive has them: judge them before use.
struct TarEntry {
  EntryType type = EntryType::kFile;
  std::string path;
  std::string link;  // target of a hard link or symlink
  mode_t mode = 0;   // permissions, set-id, sticky
  uid_t uid = 0;
  gid_t gid = 0;
  std::uint64_t size = 0;    // bytes of the file, holes included
  std::uint64_t stored = 0;  // bytes of data in the archive
  struct timespec mtime {};
  std::optional<struct timespec> atime;
  dev_t device = 0;
  std::vector<std::pair<std::string, std::string>> xattrs;
  // Where the data goes; one extent from 0 unless `sparse`.
  std::vector<Extent> extents;
  bool sparse = false;
};

// What extended headers say of the entry that follows them.
struct Extensions {
  std::map<std::string, std::string, std::less<>> global;
  PaxRecords local;
  std::optional<std::string> long_name;  // GNU
  std::optional<std::string> long_link;

  // The local value, else the global one; null if there is none or it is empty, which takes it back.
  const std::string* find(std::string_view key) const noexcept;
};

// How the sparse map of an entry is written down.
enum class SparseForm { kNone, kOldGnu, kPaxRecords, kPaxInData };

struct HeaderFacts {
  TarEntry entry;  // of a sparse file without its extents, if they are still to come
  SparseForm sparse = SparseForm::kNone;
};

// Puts header and extensions together. Errors: EBADMSG; ENOTSUP for a type that is no file of a layer.
Result<HeaderFacts> build_entry(const TarBlock& header, const Extensions& extensions);

}  // namespace aufs::layer
