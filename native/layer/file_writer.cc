// SPDX-License-Identifier: MIT
#include "layer/file_writer.h"

#include <utility>

#include "sys/file_io.h"

namespace aufs::layer {
namespace {

Status complete(int fd, const TarEntry& entry, EntryMetadata& metadata) {
  if (entry.sparse) AUFS_CHECK(sys::truncate(fd, static_cast<off_t>(entry.size)));
  return metadata.set_open(fd, entry);
}

}  // namespace

void FileWriter::begin(UniqueFd fd, const TarEntry& entry) {
  file_ = std::make_shared<File>(File{std::move(fd), entry});
}

void FileWriter::data(std::uint64_t offset, Bytes bytes) {
  work_.add(
      [this, file = file_, offset, bytes] {
        return named(*file, sys::pwrite_all(file->fd.get(), bytes, static_cast<off_t>(offset)));
      },
      bytes.size());
}

void FileWriter::finish() {
  work_.add([this, file = std::move(file_)] {
    return named(*file, complete(file->fd.get(), file->entry, metadata_));
  });
}

Status FileWriter::named(const File& file, const Status& done) {
  if (!done) failed_entry_ = file.entry.path;
  return done;
}

}  // namespace aufs::layer
