// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "layer/crc64.h"
#include "layer/tar_block.h"

namespace aufs::layer {

// Writes down what an archive has beside the data of its files, so that archive and layer together give the archive again, byte
// for byte: one line of JSON for each piece, as Docker's tar-split has it.
//
//   {"type":2,"payload":"BASE64","position":0}                              bytes as they are
//   {"type":1,"name":"a/b","size":3,"payload":"CRC64","position":1}         data of a file, to be read from the layer
//
// Where the layer will not have the data as the archive had it (sparse files, files that are not kept), the data is written down too.
class TarSplitWriter {
 public:
  void framing(Bytes bytes);
  // `size`: bytes of data that the layer has under the entry's name, just as the archive has them; else 0.
  void begin(const std::string& name, std::uint64_t size);
  void data(Bytes bytes);
  void finish();
  void end();

  // The lines complete until now.
  std::string take();

 private:
  void segment(std::string_view bytes);
  void file(std::string_view name, std::uint64_t size, std::string_view payload);
  void close_line();

  std::string pending_;  // bytes for the next segment
  std::string lines_;
  std::uint64_t position_ = 0;
  std::string name_;
  std::uint64_t size_ = 0;
  Crc64 crc_;
};

}  // namespace aufs::layer
