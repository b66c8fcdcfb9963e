// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>
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

  Status feed(Bytes bytes);
  Status end();

  const Progress& progress() const noexcept { return progress_; }
  Applier::Counts counts() const noexcept { return applier_.counts(); }
  // After end(): Docker's DiffSize.
  std::uint64_t size() const noexcept { return applier_.size(); }
  // Lines of the record since the last call.
  std::string take_record() { return record_.take(); }
  // Name of the entry that was read last.
  const std::string& entry() const noexcept { return entry_; }

 private:
  ApplyArchive(Applier applier, const ApplyOptions& options)
      : options_(options), applier_(std::move(applier)), reader_(*this) {}

  Status framing(Bytes bytes) override;
  Status begin(const TarEntry& entry) override;
  Status data(Bytes bytes) override;
  Status finish() override;

  const ApplyOptions options_;
  Applier applier_;
  TarReader reader_;
  TarSplitWriter record_;
  Progress progress_;
  std::string entry_;
};

}  // namespace aufs::layer
