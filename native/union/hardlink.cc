// SPDX-License-Identifier: MIT
#include "union/hardlink.h"

#include <fcntl.h>

#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include "sys/directory.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/whiteout.h"

namespace aufs {
namespace {

struct ParsedName {
  std::uint64_t root;
  std::uint64_t ino;
  std::uint64_t mtime;
  std::uint64_t size;
  long left;
};

std::uint64_t nanoseconds(const struct timespec& time) {
  return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(time.tv_nsec);
}

std::string format_name(const ParsedName& name) {
  std::array<char, 128> text{};
  const int n = std::snprintf(
      text.data(), text.size(), "%llx.%llx.%llx.%llx.%lx", static_cast<unsigned long long>(name.root),
      static_cast<unsigned long long>(name.ino), static_cast<unsigned long long>(name.mtime),
      static_cast<unsigned long long>(name.size), static_cast<unsigned long>(name.left));
  return {text.data(), static_cast<std::size_t>(n)};
}

// Takes one hexadecimal number and the dot behind it off the front of `text`; the last number has no dot.
template <typename Number>
bool take_number(std::string_view& text, bool last, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number, 16);
  if (error != std::errc()) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  if (last) return text.empty();
  if (text.empty() || text.front() != '.') return false;
  text.remove_prefix(1);
  return true;
}

std::optional<ParsedName> parse_name(std::string_view text) {
  ParsedName name{};
  const bool whole = take_number(text, false, name.root) && take_number(text, false, name.ino) &&
                     take_number(text, false, name.mtime) && take_number(text, false, name.size) &&
                     take_number(text, true, name.left);
  if (!whole || name.left < 0) return std::nullopt;
  return name;
}

}  // namespace

Status HardLinks::load(const std::vector<Branch>& branches, const Branch& upper,
                       const std::function<std::uint64_t(const Branch&, ino_t)>& number,
                       const std::function<void(ino_t, std::uint64_t)>& keep) {
  const std::lock_guard guard(mutex_);
  Result<UniqueFd> dir = sys::open_at(upper.root.get(), std::string(whiteout::kPseudoLinks).c_str(),
                                      O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (failed_with(dir, ENOENT)) return ok();
  if (!dir) return dir.error();
  dir_ = *std::move(dir);
  return sys::for_each_entry(dir_.get(), "", [&](const sys::RawEntry& entry) {
    const std::string file(entry.name);
    const auto parsed = parse_name(file);
    if (!parsed) return true;
    for (const Branch& branch : branches) {
      if (branch.root_ino != parsed->root || branch.perm.writable) continue;
      const std::uint64_t ino = number(branch, parsed->ino);
      groups_[ino] = {file, parsed->left};
      keep(entry.ino, ino);
      break;
    }
    return true;
  });
}

std::optional<HardLinks::Group> HardLinks::find(std::uint64_t ino) const {
  const std::lock_guard guard(mutex_);
  const auto at = groups_.find(ino);
  if (at == groups_.end()) return std::nullopt;
  return at->second;
}

bool HardLinks::empty() const {
  const std::lock_guard guard(mutex_);
  return groups_.empty();
}

Status HardLinks::open_directory(const Branch& upper) {
  if (dir_) return ok();
  const std::string name(whiteout::kPseudoLinks);
  const Status made = sys::mkdir(upper.root.get(), name.c_str(), 0700);
  if (!made && made.error().code != EEXIST) return made;
  AUFS_TRY(dir_, sys::open_at(upper.root.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  return ok();
}

Status HardLinks::add(const Branch& origin, const Branch& upper, std::uint64_t ino, const struct stat& lower,
                      long left, int copy) {
  const std::lock_guard guard(mutex_);
  AUFS_CHECK(open_directory(upper));
  const std::string file = format_name({origin.root_ino, lower.st_ino, nanoseconds(lower.st_mtim),
                                        static_cast<std::uint64_t>(lower.st_size), left});
  Status linked = sys::link_fd(copy, dir_.get(), file.c_str());
  if (failed_with(linked, EEXIST)) {  // of a group whose file was replaced from outside
    AUFS_CHECK(sys::unlink(dir_.get(), file.c_str()));
    linked = sys::link_fd(copy, dir_.get(), file.c_str());
  }
  AUFS_CHECK(linked);
  groups_[ino] = {file, left};
  gone_.erase(ino);
  return ok();
}

void HardLinks::name_covered(std::uint64_t ino) {
  const std::lock_guard guard(mutex_);
  const auto at = groups_.find(ino);
  if (at == groups_.end()) {
    ++gone_[ino];
    return;
  }
  Group& group = at->second;
  auto parsed = parse_name(group.file);
  if (!parsed || group.left == 0) return;
  parsed->left = --group.left;
  std::string renamed = format_name(*parsed);
  // If the count cannot be written down it is still right until the next mount.
  if (sys::rename(dir_.get(), group.file.c_str(), dir_.get(), renamed.c_str(), 0))
    group.file = std::move(renamed);
}

long HardLinks::count_gone(std::uint64_t ino) const {
  const std::lock_guard guard(mutex_);
  const auto at = gone_.find(ino);
  return at == gone_.end() ? 0 : at->second;
}

void HardLinks::remove(std::uint64_t ino) {
  const std::lock_guard guard(mutex_);
  const auto at = groups_.find(ino);
  if (at == groups_.end()) return;
  (void)sys::unlink(dir_.get(), at->second.file.c_str());
  groups_.erase(at);
}

std::unordered_map<std::uint64_t, HardLinks::Group> HardLinks::all() const {
  const std::lock_guard guard(mutex_);
  return groups_;
}

int HardLinks::directory() const {
  const std::lock_guard guard(mutex_);
  return dir_.get();
}

}  // namespace aufs
