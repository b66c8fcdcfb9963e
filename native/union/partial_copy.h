// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <mutex>
#include <optional>
#include <span>

#include "union/copy_data.h"
#include "union/range_set.h"
#include "union/staging.h"

namespace aufs {

// The copy of a lower file while its data is still being copied (decision 11): an unnamed file that already takes what is written, and that
// all attributes, extended ones too, are read from and changed in. Data that is missing in it is read from the original, which nobody
// changes. It is published when nothing is missing any more; dropped before that, nothing of it was ever seen in the branch.
//
// Copying moves the times of the file, so those that are to be seen are kept here until it is complete.
//
// Thread-safe. Reading takes no lock that is held while data is read, written or copied.
class PartialCopy {
 public:
  // Bounds the memory: a file in more pieces is copied at once, and who makes more of them by writing copies a piece each time.
  static constexpr std::size_t kMostRanges = 4096;

  // What has to be copied of `source`; empty if that would be more than kMostRanges pieces.
  static Result<std::optional<RangeSet>> data_of(int source, off_t size);

  // `copy` is empty and has the attributes of the original `lower`. Makes it as long, and reserves room for `missing`.
  static Status reserve(int copy, off_t size, const RangeSet& missing);
  PartialCopy(UniqueFd source, StagedFile copy, const struct stat& lower, BranchIndex origin, BranchIndex to,
              RangeSet missing);

  Result<std::size_t> read(std::span<std::byte> into, off_t offset) const;
  // A negative offset appends.
  Result<std::size_t> write(std::span<const std::byte> from, off_t offset);
  // whence: SEEK_DATA or SEEK_HOLE.
  Result<off_t> seek(off_t offset, int whence) const;
  // As the file will be, but for its inode number. The times are those of the last write or change.
  Result<struct stat> show() const;
  // Changes attributes with `work`, which sets the times that `change` names.
  Status change(const SetAttr& change, const std::function<Status(const Place&)>& work);

  // Copies the next piece. False: nothing was missing.
  Result<bool> copy_some();
  // Copies all that is missing. Afterwards the copy has its times, and writing moves them as in any file.
  Status complete();

  const struct stat& lower() const noexcept { return lower_; }
  BranchIndex origin() const noexcept { return origin_; }
  BranchIndex branch() const noexcept { return to_; }
  StagedFile& staged() noexcept { return copy_; }
  int source() const noexcept { return source_.get(); }
  int fd() const noexcept { return copy_.fd(); }
  CopyOutcome outcome() const noexcept { return {method_, bytes_}; }
  std::chrono::steady_clock::time_point since() const noexcept { return since_; }

  // An error that stopped the thread behind: whoever writes has to try the rest himself, and hears of it.
  std::atomic<bool> failed{false};

 private:
  class Turn;
  Result<bool> copy_piece();  // the caller holds io_
  std::optional<Range> next_missing(off_t at) const;

  const UniqueFd source_;
  StagedFile copy_;
  const struct stat lower_;
  const BranchIndex origin_;
  const BranchIndex to_;
  const std::chrono::steady_clock::time_point since_ = std::chrono::steady_clock::now();

  std::mutex io_;                   // held while the copy is written to; before mutex_
  std::atomic<unsigned> turns_{0};  // writers that wait for io_: copying lets them go first
  std::atomic<CopyMethod> method_{CopyMethod::kNone};
  std::atomic<std::uint64_t> bytes_{0};

  mutable std::mutex mutex_;  // no system call is made under it; guards what follows
  RangeSet missing_;
  struct timespec accessed_;
  struct timespec written_;  // last modification
  struct timespec changed_;
  bool sealed_ = false;  // complete: the copy's own times are right
};

// The copy that is being made behind; null if none is.
PartialCopyPtr partial_of(const Node& node);
// Where the attributes of `node` are: in that copy, or in the backing file. The caller holds node->state.
Result<Place> locate_attributes(Engine& engine, const NodePtr& node);
// As that, but an open file is the place itself: asked by a path it takes five times as long.
Result<Place> locate_to_read(Engine& engine, const NodePtr& node);
// True if that is the copy of a file that was removed meanwhile: it shall get no name.
bool is_lost(const Node& node);

}  // namespace aufs
