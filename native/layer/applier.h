// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "layer/entry_metadata.h"
#include "layer/entry_path.h"
#include "layer/layer_root.h"
#include "layer/tar_entry.h"

namespace aufs::layer {

// Makes the files of an archive below one directory and nowhere else. Whiteouts and opaque markers stay what they are in an
// AUFS branch: empty plain files. Nothing that exists is opened for writing; an entry takes the place of what an earlier
// one made under its name, only a directory stays one.
class Applier {
 public:
  struct Counts {
    std::uint64_t dropped = 0;   // housekeeping of a union
    std::uint64_t replaced = 0;  // names that came again
    std::uint64_t devices = 0;   // that this process may not make
    std::uint64_t attributes = 0;
    std::uint64_t implied = 0;  // directories that no entry stands for
  };

  // `diff`: an existing, empty directory of this process.
  static Result<Applier> open(const std::string& diff, Owner owner);

  // True if the data that follows can be read back under the entry's name.
  Result<bool> begin(const TarEntry& entry);
  Status data(Bytes bytes);
  Status finish();
  // After the last entry: whiteouts of what the archive itself brings go, directories get their attributes.
  Status end();

  Counts counts() const noexcept;
  // After end(): bytes of all files, each inode once, as diff_size().
  std::uint64_t size() const noexcept { return size_; }

 private:
  Applier(LayerRoot root, const EntryMetadata& metadata) : root_(std::move(root)), metadata_(metadata) {}

  Result<bool> plain(const TarEntry& entry, const EntryPath& path);
  Status directory(const TarEntry& entry, const EntryPath& path);
  Status file(const TarEntry& entry, const EntryPath& path);
  Status hard_link(const TarEntry& entry, const EntryPath& path);
  Status special(const TarEntry& entry, const EntryPath& path);
  Status whiteout(const TarEntry& entry, const EntryPath& path);
  // Does `make`; if the name is taken, clears it and does it again.
  template <typename Make>
  Status make(int dir, const EntryPath& path, Make&& make);
  Status clear(int dir, const EntryPath& path);
  Status drop_needless(const std::string& whiteout_path);
  Status finish_directories();

  LayerRoot root_;
  EntryMetadata metadata_;
  Counts counts_;
  std::uint64_t size_ = 0;
  std::map<std::string, TarEntry> directories_;  // that get their attributes last, by path
  std::vector<std::string> whiteouts_;
  bool has_pseudo_links_ = false;

  // The regular file that is being written.
  TarEntry entry_;
  UniqueFd file_;
  std::size_t extent_ = 0;
  std::uint64_t within_ = 0;  // bytes of that extent already written
};

}  // namespace aufs::layer
