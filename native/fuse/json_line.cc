// SPDX-License-Identifier: MIT
#include "fuse/json_line.h"

namespace aufs::fuse {
namespace {

void append_quoted(std::string& to, std::string_view value) {
  constexpr char kHex[] = "0123456789abcdef";
  to += '"';
  for (const char c : value) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      to += "\\u00";
      to += kHex[byte >> 4];
      to += kHex[byte & 15];
    } else {
      to += c;
    }
  }
  to += '"';
}

}  // namespace

void JsonLine::separate() {
  if (!first_) text_ += ',';
  first_ = false;
}

JsonLine& JsonLine::open(char bracket) {
  separate();
  text_ += bracket;
  first_ = true;
  return *this;
}

JsonLine& JsonLine::close(char bracket) {
  text_ += bracket;
  first_ = false;
  return *this;
}

JsonLine& JsonLine::key(std::string_view name) {
  separate();
  append_quoted(text_, name);
  text_ += ':';
  first_ = true;
  return *this;
}

JsonLine& JsonLine::text(std::string_view value) {
  separate();
  append_quoted(text_, value);
  return *this;
}

JsonLine& JsonLine::number(std::uint64_t value) {
  separate();
  text_ += std::to_string(value);
  return *this;
}

JsonLine& JsonLine::boolean(bool value) {
  separate();
  text_ += value ? "true" : "false";
  return *this;
}

}  // namespace aufs::fuse
