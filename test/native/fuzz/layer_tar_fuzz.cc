// SPDX-License-Identifier: MIT
// Whatever bytes come as an archive, in pieces of whatever size: the reader stays inside them, gives every byte on
// exactly once, and never more data than an entry said. Checksums are made right, for otherwise nearly everything
// ends at the first header.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "layer/entry_path.h"
#include "layer/tar_reader.h"
#include "layer/tar_split.h"

namespace {

using namespace aufs::layer;

void require(bool what) {
  if (!what) std::abort();
}

class Sink final : public TarSink {
 public:
  aufs::Status framing(Bytes bytes) override {
    all += bytes.size();
    record.framing(bytes);
    return aufs::ok();
  }
  aufs::Status begin(const TarEntry& entry) override {
    require(entry.path.find('\0') == std::string::npos && entry.link.find('\0') == std::string::npos);
    std::uint64_t sum = 0;
    for (const Extent& extent : entry.extents) {
      require(!entry.sparse || extent.offset + extent.length <= entry.size);
      sum += extent.length;
    }
    require(sum == entry.stored);
    left = entry.stored;
    const auto path = clean_path(entry.path);
    if (path)
      require(path->whole().find("..") == std::string::npos ||
              path->whole().find("/../") == std::string::npos);
    record.begin(entry.path, path && !entry.sparse ? entry.stored : 0);
    return aufs::ok();
  }
  aufs::Status data(Bytes bytes) override {
    require(bytes.size() <= left);
    left -= bytes.size();
    all += bytes.size();
    record.data(bytes);
    return aufs::ok();
  }
  aufs::Status finish() override {
    require(left == 0);
    record.finish();
    return aufs::ok();
  }
  std::uint64_t all = 0;
  std::uint64_t left = 0;
  TarSplitWriter record;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::size_t piece = 1 + data[0] * std::size_t{7};
  const bool repair = (data[1] & 1U) != 0;
  std::string text(reinterpret_cast<const char*>(data + 2), size - 2);
  for (std::size_t at = 0; repair && at + kBlockSize <= text.size(); at += kBlockSize) {
    TarBlock block;
    block.set_text({0, kBlockSize}, std::string_view(text).substr(at, kBlockSize));
    if (block.raw(field::kMagic).substr(0, 5) != "ustar") continue;
    block.set_checksum();
    text.replace(at, kBlockSize, as_text(block.bytes()));
  }
  Sink sink;
  TarReader reader(sink);
  for (std::size_t at = 0; at < text.size(); at += piece) {
    if (!reader.feed(as_bytes(std::string_view(text).substr(at, piece)))) return 0;
  }
  require(sink.all + reader.pending() == text.size());
  (void)reader.end(true);
  sink.record.end();
  require(!sink.record.take().empty());
  return 0;
}
