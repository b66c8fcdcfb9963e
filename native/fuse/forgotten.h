// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

namespace aufs::fuse {

// A name that led to a node, told without keeping any node alive.
struct KnownName {
  std::uint64_t parent = 0;  // inode number of the directory
  std::string name;

  bool operator==(const KnownName&) const = default;
};

// What is left of a node that the kernel has forgotten.
struct Forgotten {
  std::uint64_t id = 0;
  std::uint64_t ino = 0;
  KnownName name;                 // an empty one: it has none that is known
  std::vector<KnownName> others;  // of a hard link
};

// The nodes forgotten last, so that a file handle that somebody has kept still leads to its file. Bounded: where there is no room,
// one that was not forgotten again for long gives way. Not thread-safe.
class ForgottenNodes {
 public:
  static constexpr std::size_t kCapacity = 1024;
  static constexpr std::size_t kMostOthers = 7;

  // Names of the same node that are known from before are kept, behind those of `record`.
  void put(Forgotten record);
  void drop(std::uint64_t ino);

  // Null if it is not known.
  const Forgotten* find(std::uint64_t ino) const;
  // The same by nodeid; costs a pass over the table.
  const Forgotten* find_id(std::uint64_t id) const;

 private:
  struct Slot {
    Forgotten record;  // id 0: the slot is free
    bool again;        // was forgotten again since next_ came by
  };
  Slot& free_slot();

  std::vector<Slot> slots_;
  std::size_t next_ = 0;                                     // the slot that gives way next, if it may
  std::unordered_map<std::uint64_t, std::uint16_t> by_ino_;  // index of the slot
};

}  // namespace aufs::fuse
