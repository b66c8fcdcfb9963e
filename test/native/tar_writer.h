// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "layer/pax.h"
#include "layer/tar_block.h"

namespace aufs::test {

// Archives as somebody may have made them, sound or not. By hand, not with the code under test.
class TarText {
 public:
  struct Member {
    std::string name;
    char type = '0';
    std::string data{};
    std::string link{};
    std::string size{};  // as it stands in the header; empty: that of the data
    unsigned mode = 0644;
  };

  TarText& add(const Member& member) {
    header(member);
    return raw(member.data);
  }
  TarText& header(const Member& member) {
    layer::TarBlock block;
    block.set_text(layer::field::kName, member.name);
    block.set_text(layer::field::kLink, member.link);
    block.set_text(layer::field::kType, {&member.type, 1});
    block.set_text(layer::field::kMagic, {"ustar\00000", 8});
    block.set_octal(layer::field::kMode, member.mode);
    block.set_octal(layer::field::kUid, 0);
    block.set_octal(layer::field::kGid, 0);
    block.set_octal(layer::field::kMtime, 1000);
    block.set_octal(layer::field::kSize, member.data.size());
    if (!member.size.empty()) block.set_text(layer::field::kSize, member.size);
    return add(block);
  }
  TarText& add(layer::TarBlock block) {
    block.set_checksum();
    text_.append(layer::as_text(block.bytes()));
    return *this;
  }
  // Fills up to whole blocks.
  TarText& raw(std::string_view data) {
    text_.append(data).append(layer::padding_after(data.size()), '\0');
    return *this;
  }
  TarText& pax(const std::vector<std::pair<std::string, std::string>>& records, char type = 'x') {
    layer::PaxRecords all;
    for (const auto& [key, value] : records) all.add(key, value);
    return add({.name = "pax", .type = type, .data = all.format()});
  }
  TarText& end() {
    text_.append(2 * layer::kBlockSize, '\0');
    return *this;
  }
  const std::string& text() const noexcept { return text_; }

 private:
  std::string text_;
};

}  // namespace aufs::test
