// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "union/branch.h"

namespace aufs {

// What a directory of the union knows of one name, from one pass over its branches.
struct NameEntry {
  std::uint64_t ino = 0;          // d_ino of the visible entry in branch `top`
  BranchIndex top = kNoBranch;    // the branch whose entry is seen; kNoBranch: nothing is
  BranchIndex lower = kNoBranch;  // the branch whose entry would be seen if the writable branch had none
  unsigned char type = 0;         // DT_* of the visible entry
  bool whiteout = false;          // the writable branch hides the name
  bool hidden_above = false;      // a branch above the writable one hides the name: it cannot be made visible

  bool visible() const noexcept { return top != kNoBranch; }
};

// All names of one directory of the union: a look-up in it costs one hash probe, however many branches there are, and a
// name that is not here does not exist (decision 9). Not thread-safe: guarded by Directory::lock.
class DirIndex {
 public:
  NameEntry* find(std::string_view name) noexcept {
    const auto at = names_.find(name);
    return at == names_.end() ? nullptr : &at->second;
  }
  NameEntry& entry(std::string_view name) {
    const auto at = names_.find(name);
    return at != names_.end() ? at->second : names_.emplace(std::string(name), NameEntry{}).first->second;
  }
  void erase(std::string_view name) {
    if (const auto at = names_.find(name); at != names_.end()) names_.erase(at);
    merged_.erase(std::string(name));
  }

  // The branches that a visible directory `name` consists of, topmost first.
  std::vector<BranchIndex> branches_of(std::string_view name) const {
    const auto at = merged_.find(std::string(name));
    if (at != merged_.end()) return at->second;
    const auto entry = names_.find(name);
    return entry == names_.end() ? std::vector<BranchIndex>{} : std::vector<BranchIndex>{entry->second.top};
  }
  void set_branches(std::string_view name, std::vector<BranchIndex> branches) {
    if (branches.size() > 1) merged_.insert_or_assign(std::string(name), std::move(branches));
    else merged_.erase(std::string(name));
  }

  std::size_t size() const noexcept { return names_.size(); }
  auto begin() noexcept { return names_.begin(); }
  auto end() noexcept { return names_.end(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
      return std::hash<std::string_view>{}(name);
    }
  };
  std::unordered_map<std::string, NameEntry, Hash, std::equal_to<>> names_;
  // Only directories of two branches or more.
  std::unordered_map<std::string, std::vector<BranchIndex>> merged_;
};

}  // namespace aufs
