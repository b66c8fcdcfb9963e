// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace aufs::layer {

// What a name in an archive is to the layer.
enum class Role {
  kPlain,
  kWhiteout,    // `.wh.NAME`
  kOpaque,      // `.wh..wh..opq`
  kPseudoLink,  // `.wh..wh.plnk/NAME`: what old AUFS layers have hard links to; kept until the archive ends
  kDropped      // other housekeeping of a union
};

// A name of an archive, made relative to the layer's root: no "", "." or ".." in it.
struct EntryPath {
  std::string dir;   // "" is the root
  std::string name;  // "" if the entry is the root itself
  Role role = Role::kPlain;

  bool is_root() const noexcept { return name.empty(); }
  std::string whole() const;
};

// An absolute name is one below the root. Errors (EXDEV): "..", something below a whiteout, a whiteout of nothing.
// (EBADMSG): longer than a path may be.
Result<EntryPath> clean_path(std::string_view path);

}  // namespace aufs::layer
