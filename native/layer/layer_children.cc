// SPDX-License-Identifier: MIT
#include "layer/layer_children.h"

#include <dirent.h>
#include <fcntl.h>

#include <array>
#include <cstddef>
#include <span>

#include "base/unique_fd.h"
#include "sys/directory.h"
#include "sys/file_io.h"

namespace aufs::layer {
namespace {

constexpr int kReadList = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
constexpr std::size_t kUsualList = std::size_t{32} << 10U;  // of 500 parents
constexpr std::size_t kMostOfList = std::size_t{64} << 20U;

bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

bool has_word(std::string_view text, std::string_view word) {
  for (std::size_t at = text.find(word); at != std::string_view::npos; at = text.find(word, at + 1)) {
    const std::size_t end = at + word.size();
    if ((at == 0 || is_space(text[at - 1])) && (end == text.size() || is_space(text[end]))) return true;
  }
  return false;
}

// All of the file, in `buffer`, which grows as it has to. A regular file gives less than is asked for only at its end.
Result<std::string_view> read_list(int dir, const char* name, std::string& buffer) {
  AUFS_TRY(const UniqueFd fd, sys::open_at(dir, name, kReadList));
  for (std::size_t filled = 0; filled < kMostOfList;) {
    if (filled == buffer.size()) buffer.resize(2 * filled);
    const auto room = std::as_writable_bytes(std::span(buffer)).subspan(filled);
    AUFS_TRY(const std::size_t got, sys::pread(fd.get(), room, static_cast<off_t>(filled)));
    filled += got;
    if (filled < buffer.size()) return std::string_view(buffer).substr(0, filled);
  }
  return Error{EFBIG, "read"};
}

bool is_passed_over(const Error& error) {
  constexpr std::array kNoList{ENOENT, ELOOP, ENXIO, EISDIR, ESPIPE, EFBIG};
  for (const int code : kNoList) {
    if (error.code == code) return true;
  }
  return false;
}

}  // namespace

Result<std::vector<std::string>> find_children(const std::string& chains, std::string_view id) {
  std::vector<std::string> children;
  Status status = ok();
  std::string buffer(kUsualList, '\0');
  AUFS_TRY(const UniqueFd dir, sys::open_at(AT_FDCWD, chains.c_str(), O_RDONLY | O_DIRECTORY));
  AUFS_CHECK(sys::for_each_entry(dir.get(), "", [&](const sys::RawEntry& entry) {
    if (entry.name.starts_with('.') || (entry.type != DT_REG && entry.type != DT_UNKNOWN)) return true;
    const Result<std::string_view> list = read_list(dir.get(), entry.name.data(), buffer);
    if (list && has_word(*list, id)) children.emplace_back(entry.name);
    if (!list && !is_passed_over(list.error())) status = list.error();
    return static_cast<bool>(status);
  }));
  AUFS_CHECK(status);
  return children;
}

}  // namespace aufs::layer
