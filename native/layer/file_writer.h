// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "layer/entry_metadata.h"
#include "layer/ordered_work.h"
#include "layer/tar_entry.h"

namespace aufs::layer {

// Fills new files behind its caller, who reads on in the archive and makes the next ones meanwhile.
class FileWriter {
 public:
  FileWriter(OrderedWork& work, const EntryMetadata& metadata) : work_(work), metadata_(metadata) {}
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // Until finish(), data goes into this file.
  void begin(UniqueFd fd, const TarEntry& entry);
  // `bytes` has to stay as it is until the work is settled.
  void data(std::uint64_t offset, Bytes bytes);
  // Everything of the file is there: it gets its size, attributes and times, and is closed.
  void finish();

  // Both once the work is settled. Name of the entry that failed; attributes that could not be set.
  const std::string& failed_entry() const noexcept { return failed_entry_; }
  std::uint64_t left_behind() const noexcept { return metadata_.left_behind(); }

 private:
  struct File {
    UniqueFd fd;
    TarEntry entry;
  };

  Status named(const File& file, const Status& done);

  OrderedWork& work_;
  std::shared_ptr<File> file_;
  EntryMetadata metadata_;  // of the jobs, as what follows
  std::string failed_entry_;
};

}  // namespace aufs::layer
