// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "union/branch.h"
#include "union/name_table.h"

namespace aufs {

// What one branch has under a name. A whiteout wins over an entry of the same name in the same branch.
struct Trace {
  BranchIndex branch = kNoBranch;
  bool whiteout = false;
  unsigned char type = 0;  // DT_*; of a whiteout only if it is none of the kind that AUFS makes, see broken()
  std::uint64_t ino = 0;   // d_ino; of no meaning for a whiteout
  Recorded recorded = 0;
};

// All names of one directory of the union: a look-up in it costs one hash probe, however many branches there are, and a
// name that is not here does not exist (decision 9). Not thread-safe: guarded by Directory::lock.
class DirIndex {
 public:
  const NameEntry* find(std::string_view name) const noexcept { return names_.find(name); }

  // For reading a directory, from the topmost branch down: the branch, below all that are known, has this under the name.
  void append(std::string_view name, const Trace& trace);
  // What the lowest branch that has the name has there.
  std::optional<Trace> lowest(std::string_view name) const;

  // What each branch has under the name, if that is more than one entry or a whiteout; otherwise none.
  std::vector<Trace> more_traces(std::string_view name) const;
  // The place in the chain index of the topmost entry that is known from there, seen or not; 0: there is none.
  Recorded recorded(std::string_view name) const;

  // The branch has this under the name now, instead of what it had.
  void put(std::string_view name, const Trace& trace);
  // The branch has nothing under the name any more.
  void take(std::string_view name, BranchIndex branch);
  // After all of it was appended: gives back memory that is kept ready for more.
  void shrink() { names_.shrink(); }

  // The branches that a visible directory `name` consists of, topmost first.
  std::vector<BranchIndex> branches_of(std::string_view name) const;
  // The branch whose entry would be seen if `branch` and those above it had nothing; kNoBranch: none.
  BranchIndex below(std::string_view name, BranchIndex branch) const;
  // The topmost branch above `branch` that has an entry or a whiteout; kNoBranch: none.
  BranchIndex above(std::string_view name, BranchIndex branch) const;
  bool has_whiteout(std::string_view name, BranchIndex branch) const;
  // The branch whose whiteout hides the name; kNoBranch if it is visible or unknown.
  BranchIndex hidden_by(std::string_view name) const;
  // The first branch at which a directory `name` merges no further: a file or a whiteout is there. kNoBranch: none.
  BranchIndex closed_at(std::string_view name) const;

  std::size_t size() const noexcept { return names_.size(); }
  auto begin() const noexcept { return names_.begin(); }
  auto end() const noexcept { return names_.end(); }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const noexcept {
      return std::hash<std::string_view>{}(name);
    }
  };
  using Traces = std::vector<Trace>;  // topmost first, one for each branch

  const Traces* traces_of(const NameEntry& entry, std::string_view name) const;
  const Traces* traces_of(std::string_view name) const;
  Traces& layer(std::string_view name);
  void settle(std::string_view name);

  NameTable names_;
  std::unordered_map<std::string, Traces, Hash, std::equal_to<>> traces_;  // of layered names only
};

}  // namespace aufs
