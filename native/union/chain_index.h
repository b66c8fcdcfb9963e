// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sys/mapped_file.h"
#include "union/branch.h"
#include "union/chain_format.h"
#include "union/union_fs.h"

namespace aufs {

// The index of a chain: what the read-only branches at the bottom of a stack show together, in a file that is made once and mapped
// by every union over these branches (decision 0013). It answers names, attributes and listings of lower files without a question to
// the branches. Thread-safe: nothing changes after it was opened.
class ChainIndex {
 public:
  // What is known of one directory. Views into the mapped file.
  struct Directory {
    BranchIndex opaque;  // counted from the top of the chain; kNoBranch: in none
    std::span<const chain_format::BlockLayer> layers;
    std::span<const chain_format::BlockTrace> traces;
    std::span<const chain_format::Entry> entries;
    std::string_view names;

    std::string_view name_of(const chain_format::Entry& entry) const noexcept {
      return names.substr(entry.name, entry.name_size);
    }
  };

  // Maps the index at `path`, if it is one of the last branches of `stack`, all read-only, as they are now.
  // Errors: ENOENT if there is none; ESTALE if it is of other branches, or of these before they were changed; EINVAL if it is no index.
  static Result<std::unique_ptr<ChainIndex>> open(const char* path, const std::vector<Branch>& stack);

  // The place of its first layer in the stack.
  BranchIndex base() const noexcept { return base_; }
  // The place in the stack of its layer number `layer`.
  BranchIndex place_of(std::int64_t layer) const noexcept { return static_cast<BranchIndex>(base_ + layer); }
  // Directory number `number`, the root being 0. Nothing if there is no such, or the file is damaged there: of what is given all
  // numbers were looked at.
  std::optional<Directory> directory(std::uint32_t number) const;
  // The entries of a directory that directory() gave before.
  std::span<const chain_format::Entry> entries(std::uint32_t number) const;

 private:
  ChainIndex(sys::MappedFile file, BranchIndex base) : file_(std::move(file)), base_(base) {}
  bool is_whole() const;
  const chain_format::Block* block(std::uint32_t number) const;
  const chain_format::Header& header() const;

  sys::MappedFile file_;
  BranchIndex base_;
};

// The first branch of those that an index of this stack is of: below it none is writable. Past the end if the last one is.
BranchIndex chain_base(const std::vector<BranchSpec>& stack);

// What stat(2) says of the entry, which is on the file system `device`.
Attr attributes_of(const chain_format::Entry& entry, dev_t device);
// True if this is the file that the entry tells of, unchanged.
bool is_unchanged(const chain_format::Entry& entry, const struct stat& st);

// Numbers of a timespec in the file; nothing for a time that is too far away (after the year 2262).
std::optional<std::int64_t> to_nanoseconds(const struct timespec& time);
struct timespec from_nanoseconds(std::int64_t time);
// The root of a branch as an index knows it. Errors: ERANGE for a time that it cannot tell.
Result<chain_format::LayerId> identify(const Branch& branch);
// Stands for the user namespace of this process: owners mean nothing in another one.
std::uint64_t user_map();

}  // namespace aufs
