// SPDX-License-Identifier: MIT
#include "layer/apply_archive.h"

#include <utility>

#include "layer/archive_error.h"

namespace aufs::layer {

Result<std::unique_ptr<ApplyArchive>> ApplyArchive::open(const std::string& diff,
                                                         const ApplyOptions& options) {
  AUFS_TRY(Applier applier, Applier::open(diff, options.owner));
  return std::unique_ptr<ApplyArchive>(new ApplyArchive(std::move(applier), options));
}

Status ApplyArchive::feed(Bytes bytes) {
  if (bytes.size() > options_.max_bytes - progress_.bytes) {
    return over_limit("archive: it is longer than allowed");
  }
  progress_.bytes += bytes.size();
  return reader_.feed(bytes);
}

Status ApplyArchive::end() {
  AUFS_CHECK(reader_.end(options_.need_end));
  if (options_.record) record_.end();
  entry_.clear();
  return applier_.end();
}

Status ApplyArchive::framing(Bytes bytes) {
  if (options_.record) record_.framing(bytes);
  return ok();
}

Status ApplyArchive::begin(const TarEntry& entry) {
  entry_ = entry.path;
  if (progress_.entries == options_.max_entries)
    return over_limit("archive: it has more entries than allowed");
  if (entry.size > options_.max_bytes - progress_.file_bytes) {
    return over_limit("archive: its files are bigger than allowed");
  }
  progress_.entries += 1;
  progress_.file_bytes += entry.size;
  AUFS_TRY(const bool kept, applier_.begin(entry));
  // A long name stands for many directories.
  if (applier_.counts().implied > options_.max_entries - progress_.entries) {
    return over_limit("archive: it has more entries than allowed");
  }
  if (options_.refuse_repeated && applier_.counts().replaced != 0) {
    return damaged("archive: a name comes twice");
  }
  if (options_.record) record_.begin(entry, kept);
  return ok();
}

Status ApplyArchive::data(Bytes bytes) {
  if (options_.record) record_.data(bytes);
  return applier_.data(bytes);
}

Status ApplyArchive::finish() {
  if (options_.record) record_.finish();
  return applier_.finish();
}

}  // namespace aufs::layer
