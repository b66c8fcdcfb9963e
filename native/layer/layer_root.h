// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace aufs::layer {

// The directories below one root, by path, none of them reached through a symlink or out of the root, whatever is
// made there meanwhile: the kernel resolves each path anew (openat2(2), RESOLVE_BENEATH and RESOLVE_NO_SYMLINKS).
// The last ones used stay open.
class LayerRoot {
 public:
  explicit LayerRoot(UniqueFd root) noexcept : root_(std::move(root)) {}

  int fd() const noexcept { return root_.get(); }
  // Opens it. The descriptor is lent: the two lent last are sure to be open. `path` is a clean one, "" is the root.
  // Errors: ENOENT; EXDEV "archive: …" if a symlink or mount is in the way, EBADMSG if something else is.
  Result<int> find(const std::string& path);
  // As find(), but makes what is missing, with mode 0755.
  Result<int> make(const std::string& path);
  // How many directories make() has made.
  std::uint64_t made() const noexcept { return made_; }
  // To be called before a directory goes.
  void forget(std::string_view path);

 private:
  Result<int> remember(const std::string& path, UniqueFd fd);

  UniqueFd root_;
  std::uint64_t made_ = 0;
  std::vector<std::pair<std::string, UniqueFd>> open_;  // the latest first
};

// True if `path` is `above` or lies in it.
bool is_within(std::string_view path, std::string_view above) noexcept;

}  // namespace aufs::layer
