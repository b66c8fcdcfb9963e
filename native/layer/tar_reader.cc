// SPDX-License-Identifier: MIT
#include "layer/tar_reader.h"

#include <algorithm>

#include "layer/archive_error.h"

namespace aufs::layer {
namespace {

// Of keys that global headers may set: each is looked at for every entry that follows.
constexpr std::size_t kMaxGlobalKeys = 64;
constexpr std::uint64_t kMaxMapBytes = kMaxExtents * std::uint64_t{40};

bool is_special(char type) {
  return type == 'x' || type == 'g' || type == 'L' || type == 'K';
}

std::string until_nul(const std::string& text) {
  return text.substr(0, text.find('\0'));
}

}  // namespace

Status TarReader::feed(Bytes bytes) {
  while (!bytes.empty()) {
    AUFS_TRY(const std::size_t taken, step(bytes));
    position_ += taken;
    bytes = bytes.subspan(taken);
  }
  return ok();
}

Result<std::size_t> TarReader::step(Bytes bytes) {
  switch (state_) {
    case State::kBlock: return fill_block(bytes);
    case State::kSpecial: return fill_special(bytes);
    case State::kData: return pass_data(bytes);
    case State::kPadding: return pass_padding(bytes);
    case State::kAfterEnd: break;
  }
  AUFS_CHECK(sink_.framing(bytes));
  return bytes.size();
}

Status TarReader::end(bool need_end) {
  if (zeros_) return ok();
  const bool between =
      state_ == State::kBlock && expected_ == Block::kHeader && filled_ == 0 && header_bytes_ == 0;
  if (!between) return damaged("archive: it ends in the middle of an entry");
  if (need_end) return damaged("archive: it ends without an end mark, so it may have been cut off");
  return ok();
}

Result<std::size_t> TarReader::fill_block(Bytes bytes) {
  const std::size_t taken = std::min(bytes.size(), kBlockSize - filled_);
  std::copy_n(bytes.begin(), taken, block_.bytes().begin() + static_cast<std::ptrdiff_t>(filled_));
  filled_ += taken;
  if (filled_ < kBlockSize) return taken;
  filled_ = 0;
  AUFS_CHECK(sink_.framing(block_.bytes()));
  AUFS_CHECK(block_is_full());
  return taken;
}

Status TarReader::block_is_full() {
  switch (expected_) {
    case Block::kHeader: return header();
    case Block::kGnuExtents: return gnu_extents();
    case Block::kMapInData: return map_in_data();
  }
  return ok();
}

Status TarReader::header() {
  if (block_.is_zero()) {
    if (header_bytes_ != 0) return damaged("archive: an extended header has no entry after it");
    if (zeros_) state_ = State::kAfterEnd;
    zeros_ = true;
    return ok();
  }
  if (zeros_) return damaged("archive: a single block of zeros is not its end");
  if (!block_.checksum_is_right()) {
    return damaged(position_ < kBlockSize ? "archive: this is no tar archive"
                                          : "archive: a header has a wrong checksum");
  }
  const char type = block_.type();
  if (is_special(type)) return special_header(type);
  if (type == 'V') {  // GNU: the name of the volume
    AUFS_TRY(const std::int64_t size, block_.number(field::kSize));
    return size == 0 ? ok() : Status(damaged("archive: a volume label has data"));
  }
  return file_header();
}

Status TarReader::special_header(char type) {
  AUFS_TRY(const std::int64_t size, block_.number(field::kSize));
  if (size < 0 || static_cast<std::uint64_t>(size) > kMaxHeaders - header_bytes_ ||
      kMaxHeaders - header_bytes_ < kBlockSize) {
    return damaged("archive: the headers of an entry are too big");
  }
  header_bytes_ = std::min(kMaxHeaders, header_bytes_ + kBlockSize + static_cast<std::size_t>(size));
  special_type_ = type;
  special_.clear();
  left_ = static_cast<std::uint64_t>(size);
  state_ = State::kSpecial;
  return left_ == 0 ? special_is_full() : ok();
}

Result<std::size_t> TarReader::fill_special(Bytes bytes) {
  const std::size_t taken = std::min<std::uint64_t>(bytes.size(), left_);
  special_.append(as_text(bytes.first(taken)));
  AUFS_CHECK(sink_.framing(bytes.first(taken)));
  left_ -= taken;
  if (left_ == 0) AUFS_CHECK(special_is_full());
  return taken;
}

Status TarReader::special_is_full() {
  skip_padding(special_.size());
  switch (special_type_) {
    case 'L': extensions_.long_name = until_nul(special_); break;
    case 'K': extensions_.long_link = until_nul(special_); break;
    default: {
      AUFS_TRY(PaxRecords records, PaxRecords::parse(special_));
      if (special_type_ == 'g') return global_is_full(records);
      extensions_.local = std::move(records);
    }
  }
  return ok();
}

Status TarReader::global_is_full(const PaxRecords& records) {
  header_bytes_ = 0;  // a global header may be the last thing of an archive
  for (const auto& [key, value] : records.all()) {
    extensions_.global.insert_or_assign(key, value);
    if (extensions_.global.size() > kMaxGlobalKeys)
      return damaged("archive: a global header has too many records");
  }
  return ok();
}

Status TarReader::file_header() {
  AUFS_TRY(facts_, build_entry(block_, extensions_));
  switch (facts_.sparse) {
    case SparseForm::kNone:
    case SparseForm::kPaxRecords: break;
    case SparseForm::kOldGnu:
      AUFS_CHECK(add_gnu_extents(block_, field::kSparse, facts_.entry.extents));
      if (block_.raw(field::kSparseMore)[0] == '\0') break;
      expected_ = Block::kGnuExtents;
      return ok();
    case SparseForm::kPaxInData:
      map_ = SparseMapText();
      map_bytes_ = 0;
      expected_ = Block::kMapInData;
      return facts_.entry.stored < kBlockSize ? Status(damaged("archive: a sparse file has no map")) : ok();
  }
  return headers_are_complete();
}

Status TarReader::gnu_extents() {
  AUFS_CHECK(add_gnu_extents(block_, field::kExtensionSparse, facts_.entry.extents));
  if (block_.raw(field::kExtensionMore)[0] == '\0') return headers_are_complete();
  return ok();
}

Status TarReader::map_in_data() {
  facts_.entry.stored -= kBlockSize;
  map_bytes_ += kBlockSize;
  AUFS_TRY(const bool complete, map_.add(block_.bytes()));
  if (complete) {
    facts_.entry.extents = map_.take();
    return headers_are_complete();
  }
  if (facts_.entry.stored < kBlockSize || map_bytes_ > kMaxMapBytes) {
    return damaged("archive: the map of a sparse file makes no sense");
  }
  return ok();
}

Status TarReader::headers_are_complete() {
  expected_ = Block::kHeader;
  header_bytes_ = 0;
  extensions_.local.clear();
  extensions_.long_name.reset();
  extensions_.long_link.reset();
  const TarEntry& entry = facts_.entry;
  if (entry.sparse) AUFS_CHECK(check_extents(entry.extents, entry.size, entry.stored));
  AUFS_CHECK(sink_.begin(entry));
  left_ = entry.stored;
  state_ = State::kData;
  return left_ == 0 ? entry_ends() : ok();
}

Result<std::size_t> TarReader::pass_data(Bytes bytes) {
  const std::size_t taken = std::min<std::uint64_t>(bytes.size(), left_);
  AUFS_CHECK(sink_.data(bytes.first(taken)));
  left_ -= taken;
  if (left_ == 0) AUFS_CHECK(entry_ends());
  return taken;
}

Status TarReader::entry_ends() {
  skip_padding(facts_.entry.stored);
  return sink_.finish();
}

Result<std::size_t> TarReader::pass_padding(Bytes bytes) {
  const std::size_t taken = std::min<std::uint64_t>(bytes.size(), left_);
  AUFS_CHECK(sink_.framing(bytes.first(taken)));
  left_ -= taken;
  if (left_ == 0) state_ = State::kBlock;
  return taken;
}

void TarReader::skip_padding(std::uint64_t size) noexcept {
  left_ = padding_after(size);
  state_ = left_ == 0 ? State::kBlock : State::kPadding;
}

}  // namespace aufs::layer
