// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "union/branch.h"

namespace aufs {

// Gives inodes of branches their numbers in the union, and keeps a number over copy_up (decision 7; AUFS: xino).
//
// A number is the inode number in the branch, with a small index of the file system in the top byte, so that numbers
// of different file systems do not meet (a branch may reach over several: mounts, Btrfs subvolumes). A file that was
// copied up keeps the number that it had below; that is remembered here for as long as the copy exists, in memory
// only: a new mount numbers it anew. Two inodes that would have one number at the same time (branches come back, whiteouts
// cease to count) are told apart by renew(). Thread-safe; the mutex is a leaf.
class InodeNumbers {
 public:
  explicit InodeNumbers(const std::vector<Branch>& branches) {
    for (const Branch& branch : branches) add_device(branch.dev);
  }

  // The number of inode `ino` of the file system `dev` (st_dev).
  std::uint64_t number(dev_t dev, std::uint64_t ino) {
    const std::lock_guard guard(mutex_);
    const std::uint64_t plain = plain_number(dev, ino);
    if (kept_.empty()) return plain;
    const auto at = kept_.find(plain);
    return at == kept_.end() ? plain : at->second;
  }
  // The inode `ino` of `branch` is a copy of the one that is known as `number`.
  void keep(const Branch& branch, std::uint64_t ino, std::uint64_t number) {
    const std::lock_guard guard(mutex_);
    kept_.insert_or_assign(plain_number(branch.dev, ino), number);
  }
  // The number that the inode `ino` of the file system `dev` had belongs to another file: it gets one that nobody has.
  std::uint64_t renew(dev_t dev, std::uint64_t ino) {
    const std::lock_guard guard(mutex_);
    const std::uint64_t number = kOwnNumbers - ++own_;
    kept_.insert_or_assign(plain_number(dev, ino), number);
    return number;
  }
  // The inode `ino` of `branch` is gone, its number there may be used for another file.
  void forget(const Branch& branch, std::uint64_t ino) {
    const std::lock_guard guard(mutex_);
    kept_.erase(plain_number(branch.dev, ino));
  }

 private:
  // Numbers that are no inode's count down from here: JavaScript still counts exactly there, and no file system has come so far.
  static constexpr std::uint64_t kOwnNumbers = std::uint64_t{1} << 53;

  // The number of a file system among those seen; the few that a byte cannot count share the last number.
  std::uint64_t add_device(dev_t dev) {
    const auto at = std::find(devices_.begin(), devices_.end(), dev);
    const auto index = static_cast<std::uint64_t>(at - devices_.begin());
    if (at == devices_.end()) devices_.push_back(dev);
    return std::min<std::uint64_t>(index, 255);
  }
  std::uint64_t plain_number(dev_t dev, std::uint64_t ino) {
    const std::uint64_t index = dev == devices_.front() ? 0 : add_device(dev);
    return ino ^ (index << 56);
  }

  std::mutex mutex_;
  std::uint64_t own_ = 0;  // guarded by mutex_, as what follows
  std::vector<dev_t> devices_;
  std::unordered_map<std::uint64_t, std::uint64_t> kept_;
};

}  // namespace aufs
