// SPDX-License-Identifier: MIT
#include "layer/apply_archive.h"

#include <utility>

#include "layer/archive_error.h"

namespace aufs::layer {

Result<std::unique_ptr<ApplyArchive>> ApplyArchive::open(const std::string& diff,
                                                         const ApplyOptions& options) {
  auto work = std::make_unique<OrderedWork>();
  AUFS_TRY(Applier applier, Applier::open(diff, options.owner, *work));
  return std::unique_ptr<ApplyArchive>(new ApplyArchive(std::move(applier), std::move(work), options));
}

Status ApplyArchive::feed(std::span<const Bytes> chunks) {
  Status fed = ok();
  for (const Bytes chunk : chunks) {
    if (fed) fed = read(chunk);
  }
  return settled(fed);
}

Status ApplyArchive::read(Bytes bytes) {
  if (bytes.size() > options_.max_bytes - progress_.bytes) {
    return over_limit("archive: it is longer than allowed");
  }
  progress_.bytes += bytes.size();
  return reader_.feed(bytes);
}

// Of two failures the one that comes first in the archive counts: what is written lies behind what is read.
Status ApplyArchive::settled(const Status& reading) {
  const Status written = work_->settle();
  if (!written) {
    entry_ = applier_.failed_entry();
    return written;
  }
  record_.framing(as_bytes(std::exchange(framing_, {})));
  return reading;
}

Status ApplyArchive::end() {
  AUFS_CHECK(settled(reader_.end(options_.need_end)));
  if (options_.record) record_.end();
  entry_.clear();
  return applier_.end();
}

Status ApplyArchive::framing(Bytes bytes) {
  if (options_.record) framing_.append(as_text(bytes));
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
  if (applier_.implied() > options_.max_entries - progress_.entries) {
    return over_limit("archive: it has more entries than allowed");
  }
  if (options_.refuse_repeated && applier_.replaced() != 0) {
    return damaged("archive: a name comes twice");
  }
  if (options_.record) note_entry(entry, kept);
  return ok();
}

void ApplyArchive::note_entry(const TarEntry& entry, bool kept) {
  const bool in_layer = kept && entry.type == EntryType::kFile && !entry.sparse && entry.size > 0;
  work_->add(
      [this, framing = std::exchange(framing_, {}), name = entry.path, size = in_layer ? entry.size : 0] {
        record_.framing(as_bytes(framing));
        record_.begin(name, size);
        return ok();
      });
}

Status ApplyArchive::data(Bytes bytes) {
  if (options_.record) {
    const auto note = [this, bytes] {
      record_.data(bytes);
      return ok();
    };
    work_->add(note, bytes.size());
  }
  applier_.data(bytes);
  return ok();
}

Status ApplyArchive::finish() {
  if (options_.record) {
    work_->add([this] {
      record_.finish();
      return ok();
    });
  }
  applier_.finish();
  return ok();
}

}  // namespace aufs::layer
