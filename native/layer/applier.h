// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "layer/entry_metadata.h"
#include "layer/entry_path.h"
#include "layer/file_writer.h"
#include "layer/layer_root.h"
#include "layer/ordered_work.h"
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

  // `diff`: an existing, empty directory of this process. Files are filled by `work`, which is settled before end(), and before
  // the data that they were given goes.
  static Result<Applier> open(const std::string& diff, Owner owner, OrderedWork& work);

  // True if the data that follows can be read back under the entry's name.
  Result<bool> begin(const TarEntry& entry);
  void data(Bytes bytes);
  void finish();
  // After the last entry: whiteouts of what the archive itself brings go, directories get their attributes.
  Status end();

  // Once the work is settled.
  Counts counts() const noexcept;
  std::uint64_t implied() const noexcept { return root_.made(); }
  std::uint64_t replaced() const noexcept { return counts_.replaced; }
  // Name of the entry that the work failed at.
  const std::string& failed_entry() const noexcept { return writer_->failed_entry(); }
  // After end(): bytes of all files, each inode once, as diff_size().
  std::uint64_t size() const noexcept { return size_; }

 private:
  Applier(LayerRoot root, const EntryMetadata& metadata, OrderedWork& work)
      : root_(std::move(root)), metadata_(metadata), writer_(std::make_unique<FileWriter>(work, metadata)) {}

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

  // The regular file that comes in.
  bool in_file_ = false;
  std::vector<Extent> extents_;
  std::size_t extent_ = 0;
  std::uint64_t within_ = 0;  // bytes of that extent that have come
  std::unique_ptr<FileWriter> writer_;
};

}  // namespace aufs::layer
