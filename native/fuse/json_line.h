// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace aufs::fuse {

// Builds one line of JSON, piece by piece. File names are bytes: those that are not UTF-8 are passed on as they are.
class JsonLine {
 public:
  JsonLine& open(char bracket);   // '{' or '['
  JsonLine& close(char bracket);  // '}' or ']'
  JsonLine& key(std::string_view name);
  JsonLine& text(std::string_view value);
  JsonLine& number(std::uint64_t value);
  JsonLine& boolean(bool value);
  // The line with its newline.
  std::string take() && { return std::move(text_) + '\n'; }

 private:
  void separate();

  std::string text_;
  bool first_ = true;  // nothing stands before the next value at this level
};

}  // namespace aufs::fuse
