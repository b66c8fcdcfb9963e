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

Status HardLinks::load(const std::vector<Branch>& branches, const Numbering& numbering) {
  const std::lock_guard guard(mutex_);
  directories_.clear();
  groups_.clear();
  for (std::size_t i = 0; i < branches.size(); ++i) {
    if (!branches[i].keeps_links) continue;
    Result<UniqueFd> dir = sys::open_at(branches[i].root.get(), std::string(whiteout::kPseudoLinks).c_str(),
                                        O_PATH | O_DIRECTORY | O_NOFOLLOW);
    if (failed_with(dir, ENOENT)) continue;
    if (!dir) return dir.error();
    const auto index = static_cast<BranchIndex>(i);
    const SharedFd shared = std::make_shared<const UniqueFd>(*std::move(dir));
    directories_[index] = shared;
    AUFS_CHECK(sys::for_each_entry(shared->get(), "", [&](const sys::RawEntry& entry) {
      const std::string file(entry.name);
      const auto parsed = parse_name(file);
      if (!parsed) return true;
      // The original is further down than its copy.
      for (std::size_t below = i + 1; below < branches.size(); ++below) {
        if (branches[below].root_ino != parsed->root) continue;
        const std::uint64_t ino = numbering.number(branches[below], parsed->ino);
        groups_.try_emplace(ino, Group{index, shared, file, parsed->left});
        numbering.keep(branches[i], entry.ino, ino);
        break;
      }
      return true;
    }));
  }
  return ok();
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

Result<SharedFd> HardLinks::open_directory(const Branch& branch, BranchIndex index) {
  SharedFd& directory = directories_[index];
  if (directory) return directory;
  const std::string name(whiteout::kPseudoLinks);
  const Status made = sys::mkdir(branch.root.get(), name.c_str(), 0700);
  if (!made && made.error().code != EEXIST) return made.error();
  AUFS_TRY(UniqueFd opened, sys::open_at(branch.root.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
  directory = std::make_shared<const UniqueFd>(std::move(opened));
  return directory;
}

Status HardLinks::add(const std::vector<Branch>& branches, BranchIndex origin, BranchIndex at,
                      std::uint64_t ino, const struct stat& lower, long left, int copy) {
  const std::lock_guard guard(mutex_);
  AUFS_TRY(const SharedFd directory, open_directory(branches[static_cast<std::size_t>(at)], at));
  const std::string file =
      format_name({branches[static_cast<std::size_t>(origin)].root_ino, lower.st_ino,
                   nanoseconds(lower.st_mtim), static_cast<std::uint64_t>(lower.st_size), left});
  Status linked = sys::link_fd(copy, directory->get(), file.c_str());
  if (failed_with(linked, EEXIST)) {  // of a group whose file was replaced from outside
    AUFS_CHECK(sys::unlink(directory->get(), file.c_str()));
    linked = sys::link_fd(copy, directory->get(), file.c_str());
  }
  AUFS_CHECK(linked);
  groups_[ino] = {at, directory, file, left};
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
  const int directory = group.directory->get();
  if (sys::rename(directory, group.file.c_str(), directory, renamed.c_str(), 0))
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
  (void)sys::unlink(at->second.directory->get(), at->second.file.c_str());
  groups_.erase(at);
}

std::unordered_map<std::uint64_t, HardLinks::Group> HardLinks::all() const {
  const std::lock_guard guard(mutex_);
  return groups_;
}

}  // namespace aufs
