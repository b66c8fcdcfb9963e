// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "layer/tar_entry.h"

namespace aufs::layer {

// What comes out of an archive, in its order. An error stops the reader.
class TarSink {
 public:
  TarSink() = default;
  TarSink(const TarSink&) = delete;
  TarSink& operator=(const TarSink&) = delete;
  virtual ~TarSink() = default;

  // Bytes that are no file's data: headers, maps of sparse files, padding, the end. Together with data() that is
  // every byte of the archive, in order.
  virtual Status framing(Bytes bytes) = 0;
  // The headers of `entry` are complete. Then data() as often as needed, then finish().
  virtual Status begin(const TarEntry& entry) = 0;
  // Data of the entry, of its extents one after the other; never more than they hold.
  virtual Status data(Bytes bytes) = 0;
  virtual Status finish() = 0;
};

// Reads tar archives that are pushed into it in pieces of any size: ustar, star, GNU (long names, sparse files of all
// forms, big numbers), PAX. Remembers one entry's headers and never trusts a length: nothing is allocated because a
// header says so. Differences between readers are how archives smuggle; where they differ, this one goes with Go's
// archive/tar, which Docker and containerd read layers with.
//
// Errors: EBADMSG ("archive: …"), ENOTSUP for a type of entry that is no file, and those of the sink. After an error
// nothing but the destructor may be called.
class TarReader {
 public:
  // Of all extended headers of one entry together.
  static constexpr std::size_t kMaxHeaders = 2 << 20;

  explicit TarReader(TarSink& sink) noexcept : sink_(sink) {}

  Status feed(Bytes bytes);
  // No more bytes come. EBADMSG if that is in the middle of something; with `need_end`, also if no block of zeros,
  // which ends an archive, was seen.
  Status end(bool need_end);

  // Bytes of a block that is not complete yet: fed, but not passed on.
  std::size_t pending() const noexcept { return filled_; }

 private:
  enum class State { kBlock, kSpecial, kData, kPadding, kAfterEnd };
  enum class Block { kHeader, kGnuExtents, kMapInData };

  Result<std::size_t> step(Bytes bytes);
  Result<std::size_t> fill_block(Bytes bytes);
  Result<std::size_t> fill_special(Bytes bytes);
  Result<std::size_t> pass_data(Bytes bytes);
  Result<std::size_t> pass_padding(Bytes bytes);

  Status block_is_full();
  Status header();
  Status special_header(char type);
  Status special_is_full();
  Status global_is_full(const PaxRecords& records);
  Status file_header();
  Status gnu_extents();
  Status map_in_data();
  Status headers_are_complete();
  Status entry_ends();
  void skip_padding(std::uint64_t size) noexcept;

  TarSink& sink_;
  State state_ = State::kBlock;
  Block expected_ = Block::kHeader;
  TarBlock block_;
  std::size_t filled_ = 0;  // bytes of block_
  std::uint64_t left_ = 0;  // bytes of data, padding or a special header to come
  std::uint64_t position_ = 0;
  bool zeros_ = false;  // one block of zeros was read
  char special_type_ = 0;
  std::string special_;
  std::size_t header_bytes_ = 0;  // of extended headers since the last entry
  Extensions extensions_;
  HeaderFacts facts_;
  SparseMapText map_;
  std::uint64_t map_bytes_ = 0;
};

}  // namespace aufs::layer
