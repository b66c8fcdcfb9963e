// SPDX-License-Identifier: MIT
#include "union/partial_copy.h"

#include <unistd.h>

#include <algorithm>
#include <thread>

#include "sys/attributes.h"
#include "sys/file_io.h"

namespace aufs {
namespace {

// Bytes copied at a time: a writer waits for that long.
constexpr off_t kPiece = 1024 * 1024;
// How long copying stands back for a writer that wants its turn.
constexpr std::chrono::microseconds kCourtesy{50};

}  // namespace

// A writer's right to the copy. A mutex alone would mostly go back to the thread that copies.
class PartialCopy::Turn {
 public:
  explicit Turn(PartialCopy& copy) : copy_(copy) {
    copy_.turns_.fetch_add(1);
    copy_.io_.lock();
    copy_.turns_.fetch_sub(1);
  }
  ~Turn() { copy_.io_.unlock(); }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;

 private:
  PartialCopy& copy_;
};

Result<std::optional<RangeSet>> PartialCopy::data_of(int source, off_t size) {
  RangeSet data;
  for (off_t at = 0; at < size;) {
    AUFS_TRY(const Range range, next_data(source, at, size));
    if (range.begin >= range.end) break;
    if (data.count() == kMostRanges) return std::optional<RangeSet>();
    data.add(range);
    at = range.end;
  }
  return std::optional(std::move(data));
}

Status PartialCopy::reserve(int copy, off_t size, const RangeSet& missing) {
  AUFS_CHECK(sys::truncate(copy, size));
  for (off_t at = 0;;) {
    const std::optional<Range> range = missing.next(at);
    if (!range) return ok();
    AUFS_CHECK(sys::fallocate(copy, 0, range->begin, range->end - range->begin));
    at = range->end;
  }
}

PartialCopy::PartialCopy(UniqueFd source, StagedFile copy, const struct stat& lower, BranchIndex origin,
                         BranchIndex to, RangeSet missing)
    : source_(std::move(source)),
      copy_(std::move(copy)),
      lower_(lower),
      origin_(origin),
      to_(to),
      missing_(std::move(missing)),
      accessed_(lower.st_atim),
      written_(lower.st_mtim),
      changed_(lower.st_ctim) {}

std::optional<Range> PartialCopy::next_missing(off_t at) const {
  const std::lock_guard guard(mutex_);
  return missing_.next(at);
}

Result<std::size_t> PartialCopy::read(std::span<std::byte> into, off_t offset) const {
  std::size_t got = 0;
  while (!into.empty()) {
    const std::optional<Range> missing = next_missing(offset);
    const bool below = missing && missing->begin == offset;
    std::span<std::byte> piece = into;
    if (missing) {
      const off_t end = below ? missing->end : missing->begin;
      piece = into.first(std::min(into.size(), static_cast<std::size_t>(end - offset)));
    }
    AUFS_TRY(const std::size_t n, sys::pread(below ? source_.get() : copy_.fd(), piece, offset));
    if (n == 0) break;
    got += n;
    offset += static_cast<off_t>(n);
    into = into.subspan(n);
  }
  return got;
}

Result<std::size_t> PartialCopy::write(std::span<const std::byte> from, off_t offset) {
  const Turn turn(*this);
  const bool scattered = [&] {
    const std::lock_guard guard(mutex_);
    return missing_.count() >= kMostRanges;
  }();
  if (scattered) AUFS_CHECK(copy_piece());
  AUFS_TRY(const std::size_t n,
           offset < 0 ? sys::append(copy_.fd(), from) : sys::pwrite(copy_.fd(), from, offset));
  if (n == 0) return n;
  const Result<struct stat> st = sys::stat_fd(copy_.fd());
  const std::lock_guard guard(mutex_);
  if (st) written_ = changed_ = st->st_mtim;
  // What is appended lies behind all that is missing.
  if (offset >= 0) missing_.remove({offset, offset + static_cast<off_t>(n)});
  return n;
}

Result<off_t> PartialCopy::seek(off_t offset, int whence) const {
  if (whence == SEEK_DATA) {
    const std::optional<Range> missing = next_missing(offset);
    const Result<off_t> here = sys::seek(copy_.fd(), offset, SEEK_DATA);
    if (!missing || (here && *here < missing->begin)) return here;
    return missing->begin;
  }
  // Room that is reserved and not written yet is a hole to the file system. What was missing before it was asked is data, even if it
  // was copied since.
  for (off_t at = offset;;) {
    const std::optional<Range> missing = next_missing(at);
    const Result<off_t> hole = sys::seek(copy_.fd(), at, SEEK_HOLE);
    if (at > offset && failed_with(hole, ENXIO)) return at;  // the end
    if (!hole || !missing || *hole < missing->begin) return hole;
    at = missing->end;
  }
}

Result<struct stat> PartialCopy::show() const {
  struct stat seen {};
  bool sealed = false;
  {
    const std::lock_guard guard(mutex_);
    sealed = sealed_;
    seen.st_atim = accessed_;
    seen.st_mtim = written_;
    seen.st_ctim = changed_;
  }
  AUFS_TRY(struct stat st, sys::stat_fd(copy_.fd()));
  st.st_nlink = lower_.st_nlink;
  if (sealed) return st;
  st.st_atim = seen.st_atim;
  st.st_mtim = seen.st_mtim;
  st.st_ctim = seen.st_ctim;
  return st;
}

Status PartialCopy::change(const SetAttr& change, const std::function<Status(const Place&)>& work) {
  const Turn turn(*this);
  AUFS_CHECK(work(Place::borrowed(copy_.fd())));
  AUFS_TRY(const struct stat st, sys::stat_fd(copy_.fd()));
  const std::lock_guard guard(mutex_);
  if (change.atime) accessed_ = st.st_atim;
  if (change.mtime) written_ = st.st_mtim;
  changed_ = st.st_ctim;
  return ok();
}

Result<bool> PartialCopy::copy_piece() {
  const std::optional<Range> missing = next_missing(0);
  if (!missing) return false;
  const Range piece{missing->begin, std::min(missing->end, missing->begin + kPiece)};
  AUFS_TRY(method_, copy_range(source_.get(), copy_.fd(), piece));
  bytes_ += static_cast<std::uint64_t>(piece.end - piece.begin);
  const std::lock_guard guard(mutex_);
  missing_.remove(piece);
  return true;
}

Result<bool> PartialCopy::copy_some() {
  if (turns_.load() > 0) std::this_thread::sleep_for(kCourtesy);
  const std::lock_guard io(io_);
  return copy_piece();
}

Status PartialCopy::complete() {
  for (bool more = true; more;) {
    AUFS_TRY(more, copy_some());
  }
  const std::lock_guard io(io_);
  if (sealed_) return ok();
  const struct timespec times[2] = {accessed_, written_};
  AUFS_CHECK(sys::utimens_at(copy_.fd(), "", times));
  const std::lock_guard guard(mutex_);
  sealed_ = true;
  return ok();
}

PartialCopyPtr partial_of(const Node& node) {
  const std::shared_lock guard(node.state);
  return node.rare().partial;
}

Result<Place> locate_attributes(Engine& engine, const NodePtr& node) {
  const PartialCopyPtr& partial = node->rare().partial;
  if (partial) return Place::in(partial->staged().shared_fd(), "");
  return locate(engine, node);
}

Result<Place> locate_to_read(Engine& engine, const NodePtr& node) {
  const RareState& rare = node->rare();
  if (rare.backing.read && !rare.partial) return Place::in(rare.backing.read, "");
  return locate_attributes(engine, node);
}

bool is_lost(const Node& node) {
  const std::shared_lock guard(node.state);
  const PartialCopyPtr& partial = node.rare().partial;
  return node.names.empty() && partial && partial->lower().st_nlink == 1;
}

}  // namespace aufs
