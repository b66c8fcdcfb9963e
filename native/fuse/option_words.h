// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace aufs::fuse {

// Options that mount(8) knows for every file system and that are a mount flag.
struct FlagWord {
  std::string_view word;
  unsigned long set;    // MS_… that the word turns on
  unsigned long clear;  // and off
};
// Null if `word` is none.
const FlagWord* find_flag_word(std::string_view word) noexcept;

enum class Stance {
  kAccepted,  // nothing to do, for the reason that is given
  kRefused,   // we cannot do it, and doing otherwise silently would be wrong
};

// Options of AUFS, overlayfs, fuse-overlayfs, libfuse and mount(8) that change nothing here, each with its reason.
struct KnownWord {
  std::string_view word;   // without "=value"
  std::string_view value;  // the only value meant; empty: any, or none
  Stance stance;
  std::string_view reason;
};
// The first row that fits; null if the word is unknown.
const KnownWord* find_known_word(std::string_view word, std::string_view value) noexcept;

}  // namespace aufs::fuse
