// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <variant>

#include "base/result.h"
#include "base/unique_fd.h"
#include "layer/crc64.h"
#include "layer/layer_root.h"

namespace aufs::layer {

// Puts an archive together again from what a TarSplitWriter (or Docker) wrote down and the files of the layer.
class AssembleArchive {
 public:
  // Bytes as they are, or the data of a file: what its name was, how long it was, its checksum (empty: not known).
  struct Stored {
    std::string name;
    std::uint64_t size;
    std::string crc;
  };
  using Piece = std::variant<std::string, Stored>;

  static Result<std::unique_ptr<AssembleArchive>> open(const std::string& diff);

  void add(Piece piece) { pieces_.push_back(std::move(piece)); }
  // Fills `into`; less, and then 0, when all pieces that were added are used up.
  // Errors: ESTALE "archive: …" if a file is not what it was; EXDEV if a name leads out of the layer.
  Result<std::size_t> read(std::span<std::byte> into);

  // Of the file that is being read.
  const std::string& path() const noexcept { return path_; }

 private:
  explicit AssembleArchive(LayerRoot root) noexcept : root_(std::move(root)) {}

  Result<std::size_t> step(std::span<std::byte> into);
  Status open_file(const Stored& stored);
  Status close_file(const Stored& stored);

  LayerRoot root_;
  std::deque<Piece> pieces_;
  std::uint64_t at_ = 0;  // bytes of the first piece that were given out
  std::string path_;
  UniqueFd file_;
  Crc64 crc_;
};

}  // namespace aufs::layer
