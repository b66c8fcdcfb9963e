// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "base/result.h"
#include "layer/layer_walk.h"
#include "layer/tar_entry.h"

namespace aufs::layer {

struct ProduceOptions {
  // What Docker's driver wrote: times in whole seconds, of extended attributes only file capabilities (in the form that knows no
  // user namespace), the type's bits in the mode.
  bool docker = false;
  bool sparse = false;                           // tells of holes, instead of writing them out as zeros
  std::optional<std::int64_t> latest_time = {};  // seconds; later modification times become this
};

// A layer as a tar archive, piece by piece. The same layer gives the same bytes: names are sorted, access times, names of owners and inode
// numbers are left out. Of a hard-linked file the first name has the data, the others are links; whiteouts are plain empty files.
class ProduceArchive {
 public:
  struct Progress {
    std::uint64_t bytes = 0;
    std::uint64_t entries = 0;
  };

  static Result<std::unique_ptr<ProduceArchive>> open(const std::string& diff, const ProduceOptions& options);
  ProduceArchive(std::unique_ptr<EntrySource> source, const ProduceOptions& options)
      : source_(std::move(source)), options_(options) {}

  // Fills `into`; less, and then 0, at the end. Errors: those of reading; ESTALE "archive: …" if a file gets shorter meanwhile.
  Result<std::size_t> read(std::span<std::byte> into);

  const Progress& progress() const noexcept { return progress_; }
  // Of the entry that is being read.
  const std::string& path() const noexcept { return source_->path(); }

 private:
  Result<std::size_t> step(std::span<std::byte> into);
  Result<std::size_t> copy_data(std::span<std::byte> into);
  Status next_entry();
  Result<TarEntry> describe(WalkEntry& found);
  Status describe_file(WalkEntry& found, TarEntry& entry);
  Status add_xattrs(const WalkEntry& found, TarEntry& entry) const;

  std::unique_ptr<EntrySource> source_;
  const ProduceOptions options_;
  Progress progress_;
  std::map<std::pair<dev_t, ino_t>, std::string> first_names_;  // of inodes with several names

  std::string pending_;  // headers, to be given out from pending_at_ on
  std::size_t pending_at_ = 0;
  UniqueFd file_;
  Extents extents_;
  std::size_t extent_ = 0;
  std::uint64_t within_ = 0;
  std::uint64_t padding_ = 0;
  bool ended_ = false;
};

}  // namespace aufs::layer
