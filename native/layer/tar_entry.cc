// SPDX-License-Identifier: MIT
#include "layer/tar_entry.h"

#include <sys/sysmacros.h>

#include <limits>

#include "layer/archive_error.h"
#include "layer/base64.h"

namespace aufs::layer {
namespace {

constexpr std::string_view kSchilyXattr = "SCHILY.xattr.";
constexpr std::string_view kLibarchiveXattr = "LIBARCHIVE.xattr.";

bool is_ustar(const TarBlock& header) {
  return header.raw(field::kMagic).starts_with(std::string_view("ustar\0", 6));
}

// Of ustar and star headers; GNU's have other things in its place.
std::string_view prefix_of(const TarBlock& header) {
  if (!is_ustar(header)) return {};
  const bool star = header.raw(field::kStarTrailer) == std::string_view("tar\0", 4);
  return header.text(star ? field::kStarPrefix : field::kPrefix);
}

std::string header_path(const TarBlock& header) {
  const std::string_view prefix = prefix_of(header);
  std::string path(prefix);
  if (!prefix.empty()) path += '/';
  return path.append(header.text(field::kName));
}

Result<EntryType> type_of(char flag, std::string_view path) {
  switch (flag) {
    case '\0': return path.ends_with('/') ? EntryType::kDirectory : EntryType::kFile;
    case '0':
    case '7':
    case 'S': return EntryType::kFile;
    case '1': return EntryType::kHardLink;
    case '2': return EntryType::kSymlink;
    case '3': return EntryType::kCharDevice;
    case '4': return EntryType::kBlockDevice;
    case '5':
    case 'D': return EntryType::kDirectory;  // D: with a list of its entries as data
    case '6': return EntryType::kFifo;
    default: return Error{ENOTSUP, "archive: an entry is of a type that a layer cannot hold"};
  }
}

Status text_value(const Extensions& extensions, std::string_view key, std::string& value) {
  const std::string* found = extensions.find(key);
  if (found == nullptr) return ok();
  if (found->find('\0') != std::string::npos) return damaged("archive: a name holds a NUL byte");
  value = *found;
  return ok();
}

Result<std::int64_t> number_value(const TarBlock& header, const Extensions& extensions, Field at,
                                  std::string_view key) {
  const std::string* found = extensions.find(key);
  if (found == nullptr) return header.number(at);
  const auto value = parse_decimal(*found);
  if (!value) return damaged("archive: an extended header holds a number that is none");
  return *value;
}

template <typename Id>
Result<Id> id_value(const TarBlock& header, const Extensions& extensions, Field at, std::string_view key) {
  AUFS_TRY(const std::int64_t value, number_value(header, extensions, at, key));
  // The greatest one means "leave it" to chown(2).
  if (value < 0 || value >= std::numeric_limits<Id>::max())
    return damaged("archive: an owner's number is out of range");
  return static_cast<Id>(value);
}

Result<std::optional<struct timespec>> time_record(const Extensions& extensions, std::string_view key) {
  const std::string* found = extensions.find(key);
  if (found == nullptr) return std::optional<struct timespec>();
  const auto time = parse_time(*found);
  if (!time) return damaged("archive: an extended header holds a time that is none");
  return std::optional<struct timespec>(time);
}

Status set_times(const TarBlock& header, const Extensions& extensions, TarEntry& entry) {
  AUFS_TRY(const std::int64_t seconds, header.number(field::kMtime));
  AUFS_TRY(const auto precise, time_record(extensions, "mtime"));
  entry.mtime = precise.value_or(timespec{seconds, 0});
  AUFS_TRY(entry.atime, time_record(extensions, "atime"));
  return ok();
}

Result<dev_t> device_of(const TarBlock& header) {
  AUFS_TRY(const std::int64_t major, header.number(field::kMajor));
  AUFS_TRY(const std::int64_t minor, header.number(field::kMinor));
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  if (major < 0 || minor < 0 || major > kMost || minor > kMost)
    return damaged("archive: a device number is out of range");
  return makedev(static_cast<unsigned>(major), static_cast<unsigned>(minor));
}

// "user%2Ename" -> "user.name"
std::string url_decoded(std::string_view text) {
  const auto digit = [](char c) { return std::string_view("0123456789ABCDEFabcdef").find(c); };
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::size_t high =
        text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : std::string_view::npos;
    const std::size_t low = high == std::string_view::npos ? high : digit(text[i + 2]);
    if (low == std::string_view::npos) {
      plain += text[i];
      continue;
    }
    const auto value = [](std::size_t at) { return at < 16 ? at : at - 6; };
    plain += static_cast<char>(value(high) * 16 + value(low));
    i += 2;
  }
  return plain;
}

// GNU tar's and libarchive's way to have '=' in a key: the only two escapes of star's form.
std::string without_escapes(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view escape = text.substr(i, 3);
    const bool escaped = escape == "%3D" || escape == "%25";
    plain += escaped ? (escape == "%3D" ? '=' : '%') : text[i];
    if (escaped) i += 2;
  }
  return plain;
}

Status add_xattr(TarEntry& entry, std::string key, std::string value) {
  if (key.empty() || key.find('\0') != std::string::npos)
    return damaged("archive: an extended attribute has no proper name");
  for (auto& [known, old] : entry.xattrs) {
    if (known != key) continue;
    old = std::move(value);
    return ok();
  }
  constexpr std::size_t kMostAttributes = 1024;
  if (entry.xattrs.size() == kMostAttributes)
    return damaged("archive: an entry has too many extended attributes");
  entry.xattrs.emplace_back(std::move(key), std::move(value));
  return ok();
}

// Both forms of one attribute say the same; star's, which comes last, wins.
Status add_xattrs(const Extensions& extensions, TarEntry& entry) {
  for (const std::string_view prefix : {kLibarchiveXattr, kSchilyXattr}) {
    const auto add = [&](std::string_view key, std::string_view value) -> Status {
      if (!key.starts_with(prefix)) return ok();
      const std::string_view name = key.substr(prefix.size());
      if (prefix == kSchilyXattr) return add_xattr(entry, without_escapes(name), std::string(value));
      const auto decoded = base64_decoded(value);
      if (!decoded) return damaged("archive: an extended attribute is not base64");
      return add_xattr(entry, url_decoded(name), *decoded);
    };
    for (const auto& [key, value] : extensions.global) AUFS_CHECK(add(key, value));
    for (const auto& [key, value] : extensions.local.all()) AUFS_CHECK(add(key, value));
  }
  return ok();
}

// Also finds out the size of the whole file, and the real name of format 1.0.
Result<SparseForm> sparse_form(const TarBlock& header, const Extensions& extensions, TarEntry& entry) {
  const PaxRecords& records = extensions.local;
  SparseForm form = SparseForm::kNone;
  if (header.type() == 'S') form = SparseForm::kOldGnu;
  const std::string* major = records.find("GNU.sparse.major");
  if (major != nullptr && *major == "1") {
    form = SparseForm::kPaxInData;
  } else {
    AUFS_TRY(const auto extents, extents_of_records(records));
    if (extents) {
      entry.extents = *extents;
      form = SparseForm::kPaxRecords;
    }
  }
  if (form == SparseForm::kNone || entry.type != EntryType::kFile) return SparseForm::kNone;
  AUFS_CHECK(text_value(extensions, "GNU.sparse.name", entry.path));
  const char* key = form == SparseForm::kPaxInData ? "GNU.sparse.realsize" : "GNU.sparse.size";
  AUFS_TRY(const std::int64_t size, number_value(header, extensions, field::kRealSize, key));
  if (size < 0) return damaged("archive: the size of a sparse file is negative");
  entry.size = static_cast<std::uint64_t>(size);
  entry.sparse = true;
  return form;
}

}  // namespace

const std::string* Extensions::find(std::string_view key) const noexcept {
  const std::string* value = local.find(key);
  if (value == nullptr) {
    const auto at = global.find(key);
    if (at != global.end()) value = &at->second;
  }
  return value == nullptr || value->empty() ? nullptr : value;
}

Result<HeaderFacts> build_entry(const TarBlock& header, const Extensions& extensions) {
  HeaderFacts facts;
  TarEntry& entry = facts.entry;
  entry.path = extensions.long_name.value_or(header_path(header));
  entry.link = extensions.long_link.value_or(std::string(header.text(field::kLink)));
  AUFS_CHECK(text_value(extensions, "path", entry.path));
  AUFS_CHECK(text_value(extensions, "linkpath", entry.link));
  AUFS_TRY(entry.type, type_of(header.type(), entry.path));
  AUFS_TRY(const std::int64_t mode, header.number(field::kMode));
  entry.mode = static_cast<mode_t>(mode) & 07777;
  AUFS_TRY(entry.uid, id_value<uid_t>(header, extensions, field::kUid, "uid"));
  AUFS_TRY(entry.gid, id_value<gid_t>(header, extensions, field::kGid, "gid"));
  AUFS_CHECK(set_times(header, extensions, entry));
  AUFS_CHECK(add_xattrs(extensions, entry));
  if (entry.type == EntryType::kCharDevice || entry.type == EntryType::kBlockDevice) {
    AUFS_TRY(entry.device, device_of(header));
  }
  AUFS_TRY(const std::int64_t size, number_value(header, extensions, field::kSize, "size"));
  if (size < 0) return damaged("archive: the size of an entry is negative");
  // As other readers do: what is no file has no data, whatever size it tells; GNU's D has.
  const bool has_data = entry.type == EntryType::kFile || header.type() == 'D';
  entry.stored = has_data ? static_cast<std::uint64_t>(size) : 0;
  entry.size = entry.type == EntryType::kFile ? entry.stored : 0;
  AUFS_TRY(facts.sparse, sparse_form(header, extensions, entry));
  if (!entry.sparse) entry.extents = {{0, entry.stored}};
  return facts;
}

}  // namespace aufs::layer
