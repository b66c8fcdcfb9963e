// SPDX-License-Identifier: MIT
#include "layer/tar_split.h"

#include <utility>

#include "base/utf8.h"
#include "layer/base64.h"

namespace aufs::layer {
namespace {

constexpr std::size_t kMostOfSegment = 1 << 20;
constexpr std::string_view kHexadecimal = "0123456789abcdef";

// As Go's encoding/json writes strings, which also escapes what HTML would take for markup.
void append_json(std::string& to, std::string_view text) {
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"': to.append("\\\""); break;
      case '\\': to.append("\\\\"); break;
      case '\n': to.append("\\n"); break;
      case '\r': to.append("\\r"); break;
      case '\t': to.append("\\t"); break;
      default:
        if (byte >= 0x20 && c != '<' && c != '>' && c != '&') {
          to += c;
        } else {
          to.append("\\u00").append(1, kHexadecimal[byte >> 4U]).append(1, kHexadecimal[byte & 15U]);
        }
    }
  }
}

}  // namespace

void TarSplitWriter::framing(Bytes bytes) {
  while (!bytes.empty()) {
    const std::size_t fits = std::min(bytes.size(), kMostOfSegment - pending_.size());
    pending_.append(as_text(bytes.first(fits)));
    bytes = bytes.subspan(fits);
    if (pending_.size() == kMostOfSegment) segment(std::exchange(pending_, {}));
  }
}

void TarSplitWriter::begin(const std::string& name, std::uint64_t size) {
  if (!pending_.empty()) segment(std::exchange(pending_, {}));
  name_ = name;
  size_ = size;
  crc_ = Crc64();
  if (size_ == 0) file(name_, 0, {});
}

void TarSplitWriter::data(Bytes bytes) {
  if (size_ > 0) crc_.add(bytes);
  else framing(bytes);
}

void TarSplitWriter::finish() {
  if (size_ == 0) return;
  const auto crc = crc_.bytes();
  file(name_, size_, {crc.data(), crc.size()});
  size_ = 0;
}

void TarSplitWriter::end() {
  if (!pending_.empty()) segment(std::exchange(pending_, {}));
  segment({});  // Docker's ends so
}

std::string TarSplitWriter::take() {
  return std::exchange(lines_, {});
}

void TarSplitWriter::segment(std::string_view bytes) {
  lines_.append(R"({"type":2,"payload":")");
  append_base64(lines_, bytes);
  lines_.append("\"");
  close_line();
}

void TarSplitWriter::file(std::string_view name, std::uint64_t size, std::string_view payload) {
  lines_.append(R"({"type":1,)");
  if (is_utf8(name)) {
    lines_.append(R"("name":")");
    append_json(lines_, name);
  } else {
    lines_.append(R"("name_raw":")");
    append_base64(lines_, name);
  }
  lines_.append("\",");
  if (size == 0) {
    lines_.append(R"("payload":null)");
  } else {
    lines_.append(R"("size":)").append(std::to_string(size)).append(R"(,"payload":")");
    append_base64(lines_, payload);
    lines_.append("\"");
  }
  close_line();
}

void TarSplitWriter::close_line() {
  lines_.append(R"(,"position":)").append(std::to_string(position_++)).append("}\n");
}

}  // namespace aufs::layer
