// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "layer/applier.h"
#include "layer/tar_reader.h"
#include "layer/tar_split.h"

namespace aufs::layer {

struct ApplyOptions {
  Owner owner = Owner::kExact;
  bool refuse_repeated = false;  // a name that comes twice is an error, as for Docker
  bool need_end = true;          // see TarReader::end()
  bool record = true;            // keep a TarSplitWriter's lines
  std::uint64_t max_bytes = 0;   // of the archive, and of the files it makes (holes count)
  std::uint64_t max_entries = 0;
};

// An archive that goes into a directory piece by piece. When anything fails, the directory is left as it is then, to be deleted.
class ApplyArchive final : TarSink {
 public:
  struct Progress {
    std::uint64_t bytes = 0;  // of the archive
    std::uint64_t entries = 0;
    std::uint64_t file_bytes = 0;
  };

  static Result<std::unique_ptr<ApplyArchive>> open(const std::string& diff, const ApplyOptions& options);

  // The files that are complete are on their place when this returns, also if it fails.
  Status feed(std::span<const Bytes> chunks);
  Status feed(Bytes bytes) { return feed({&bytes, 1}); }
  Status end();

  const Progress& progress() const noexcept { return progress_; }
  Applier::Counts counts() const noexcept { return applier_.counts(); }
  // After end(): Docker's DiffSize.
  std::uint64_t size() const noexcept { return applier_.size(); }
  // Lines of the record since the last call.
  std::string take_record() { return record_.take(); }
  // Name of the entry that was read last, or that the last call failed at.
  const std::string& entry() const noexcept { return entry_; }

 private:
  ApplyArchive(Applier applier, std::unique_ptr<OrderedWork> work, const ApplyOptions& options)
      : options_(options), applier_(std::move(applier)), reader_(*this), work_(std::move(work)) {}

  Status read(Bytes bytes);
  // `reading`, or what failed of the work that it left.
  Status settled(const Status& reading);
  void note_entry(const TarEntry& entry, bool kept);
  Status framing(Bytes bytes) override;
  Status begin(const TarEntry& entry) override;
  Status data(Bytes bytes) override;
  Status finish() override;

  const ApplyOptions options_;
  Applier applier_;
  TarReader reader_;
  Progress progress_;
  std::string entry_;
  std::string framing_;                // for the record, before the next entry
  TarSplitWriter record_;              // of the work
  std::unique_ptr<OrderedWork> work_;  // the last, for it refers to what is before
};

}  // namespace aufs::layer
