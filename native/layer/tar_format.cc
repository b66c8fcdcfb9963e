// SPDX-License-Identifier: MIT
#include "layer/tar_format.h"

#include <sys/sysmacros.h>

#include <algorithm>

#include "base/utf8.h"

namespace aufs::layer {
namespace {

char type_flag(EntryType type) {
  switch (type) {
    case EntryType::kFile: return '0';
    case EntryType::kHardLink: return '1';
    case EntryType::kSymlink: return '2';
    case EntryType::kCharDevice: return '3';
    case EntryType::kBlockDevice: return '4';
    case EntryType::kDirectory: return '5';
    case EntryType::kFifo: return '6';
  }
  return '0';
}

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

// dir/file -> dir/INSERTED/file
std::string beside(std::string_view path, std::string_view inserted) {
  while (path.ends_with('/')) path.remove_suffix(1);
  const std::size_t slash = path.rfind('/');
  std::string name;
  if (slash != std::string_view::npos) name = path.substr(0, slash + 1);
  return name.append(inserted).append("/").append(
      path.substr(slash == std::string_view::npos ? 0 : slash + 1));
}

// A block, and the records for what does not fit into it.
class Header {
 public:
  Header(char type, mode_t mode) {
    block_.set_text(field::kType, {&type, 1});
    block_.set_text(field::kMagic, {"ustar\00000", 8});
    block_.set_octal(field::kMode, mode);
  }

  void path(const std::string& path) {
    const std::size_t slash = path.size() <= field::kName.size ? std::string::npos : split(path);
    if (path.size() <= field::kName.size || slash == std::string::npos) {
      block_.set_text(field::kName, path);
    } else {
      block_.set_text(field::kPrefix, std::string_view(path).substr(0, slash));
      block_.set_text(field::kName, std::string_view(path).substr(slash + 1));
    }
    const bool fits = path.size() <= field::kName.size || slash != std::string::npos;
    if (!fits || !is_ascii(path)) records_.add("path", path);
  }
  void link(const std::string& target) {
    block_.set_text(field::kLink, target);
    if (target.size() > field::kLink.size || !is_ascii(target)) records_.add("linkpath", target);
  }
  void number(Field at, const char* key, std::uint64_t value) {
    if (block_.set_octal(at, value)) return;
    block_.set_octal(at, 0);
    records_.add(key, std::to_string(value));
  }
  void device(dev_t device) {
    block_.set_octal(field::kMajor, major(device));
    block_.set_octal(field::kMinor, minor(device));
  }
  void mtime(const struct timespec& time) {
    const auto seconds = static_cast<std::uint64_t>(std::max<std::int64_t>(time.tv_sec, 0));
    const bool fits = block_.set_octal(field::kMtime, seconds) && time.tv_sec >= 0;
    if (!fits) block_.set_octal(field::kMtime, 0);
    if (!fits || time.tv_nsec != 0) records_.add("mtime", format_time(time));
  }
  PaxRecords& records() noexcept { return records_; }
  TarBlock finish() {
    block_.set_checksum();
    return block_;
  }

 private:
  // Where to part a path into prefix and name; npos if there is no such place.
  static std::size_t split(const std::string& path) {
    const std::size_t last = std::min(field::kPrefix.size, path.size() - 2);  // not at a slash that ends it
    const std::size_t slash = path.rfind('/', last);
    const bool fits = slash != std::string::npos && slash > 0 && path.size() - slash - 1 <= field::kName.size;
    return fits ? slash : std::string::npos;
  }

  TarBlock block_;
  PaxRecords records_;
};

// A key must not hold the '=' that ends it: GNU tar and libarchive write it so.
void add_xattrs(const TarEntry& entry, PaxRecords& records) {
  for (const auto& [key, value] : entry.xattrs) {
    std::string name = "SCHILY.xattr.";
    for (const char c : key) {
      if (c == '=' || c == '%') name.append(c == '=' ? "%3D" : "%25");
      else name += c;
    }
    records.add(name, value);
  }
}

void append_block(std::string& to, const TarBlock& block) {
  to.append(as_text(block.bytes()));
}

std::string pax_header(const std::string& path, const PaxRecords& records) {
  const std::string text = records.format();
  Header header('x', 0644);
  header.path(beside(path, "PaxHeaders.0").substr(0, field::kName.size));
  header.number(field::kUid, "uid", 0);
  header.number(field::kGid, "gid", 0);
  header.number(field::kSize, "size", text.size());
  header.mtime({});
  std::string whole;
  append_block(whole, header.finish());
  return whole.append(text).append(padding_after(text.size()), '\0');
}

void add_sparse(const TarEntry& entry, PaxRecords& records) {
  records.add("GNU.sparse.major", "1");
  records.add("GNU.sparse.minor", "0");
  records.add("GNU.sparse.name", entry.path);
  records.add("GNU.sparse.realsize", std::to_string(entry.size));
}

}  // namespace

std::string format_entry(const TarEntry& entry) {
  const std::string map = entry.sparse ? SparseMapText::format(entry.extents) : std::string();
  Header header(type_flag(entry.type), entry.mode);
  header.path(entry.sparse ? beside(entry.path, "GNUSparseFile.0") : entry.path);
  header.link(entry.link);
  header.number(field::kUid, "uid", entry.uid);
  header.number(field::kGid, "gid", entry.gid);
  header.number(field::kSize, "size", entry.stored + map.size());
  header.mtime(entry.mtime);
  header.device(entry.device);
  if (entry.atime) header.records().add("atime", format_time(*entry.atime));
  // POSIX: names are UTF-8 unless this says otherwise.
  if (!is_utf8(entry.path) || !is_utf8(entry.link)) header.records().add("hdrcharset", "BINARY");
  add_xattrs(entry, header.records());
  if (entry.sparse) add_sparse(entry, header.records());
  std::string whole;
  if (!header.records().empty()) whole = pax_header(entry.path, header.records());
  append_block(whole, header.finish());
  return whole.append(map);
}

std::string format_end() {
  return std::string(2 * kBlockSize, '\0');
}

}  // namespace aufs::layer
