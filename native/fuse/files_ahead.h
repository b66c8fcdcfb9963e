// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <vector>

#include "fuse/early_data.h"
#include "fuse/lazy_thread.h"
#include "fuse/node_table.h"

namespace aufs::fuse {

// Opens the small files of a directory that was just listed, and gives the kernel their data, while the caller opens the first of them: who
// opened most of the files that he was told of (tar, cp -r, grep -r) goes on like that. What is then left of an open is its answer. Where the
// kernel has listing and data from before, only opening is left to do.
//
// Only of files in read-only branches. Thread-safe. Under the mutex only the thread's is taken.
class FilesAhead {
 public:
  // Of one directory, so that it takes neither long nor much memory of the kernel's if nobody comes for them.
  static constexpr std::size_t kMostFiles = 2000;
  static constexpr std::size_t kMostBytes = 16 << 20;
  // Of these, how many are kept open.
  static constexpr std::size_t kMostOpen = 1000;
  // For how long, unless there is another directory before. Who closes one has nothing to close then.
  static constexpr std::chrono::milliseconds kGood{500};

  // `enabled`: otherwise it does nothing.
  FilesAhead(UnionFs& fs, NodeTable& nodes, IoModes& modes, bool enabled);

  // Whether a file is one to tell of.
  bool is_suitable(const Found& found) const;
  // The kernel knows these files now, all suitable ones of a directory. Where they are opened, what was before them is dropped. `device`: of the connection.
  void told(int device, std::vector<std::uint64_t> nodeids);
  // Somebody lists a directory that the kernel may know from before: then it asks for nothing of it.
  void listed_again(int device, const NodePtr& dir);
  // A file that may be one of those was opened for reading.
  void opened(std::uint64_t nodeid);
  // The file, open for reading, if it is ready; null otherwise.
  OpenFilePtr ready(std::uint64_t nodeid);
  // It will be written to.
  void drop(std::uint64_t nodeid);
  // Nothing is open or being opened when this returns, until files are told of again.
  void drop_all();

  // Nothing more is begun.
  void stop() { thread_.stop(); }
  // False while something is opened.
  bool is_idle() const { return thread_.is_idle(); }

 private:
  struct Batch {
    int device = -1;
    std::vector<std::uint64_t> nodeids;
    NodePtr again;  // the directory, in place of what is in it
  };
  struct Ready {
    OpenFilePtr file;
    bool used = false;
  };
  using ReadyFiles = std::unordered_map<std::uint64_t, Ready>;
  std::optional<LazyThread::Clock::duration> prepare() noexcept;
  Batch start_over();
  bool is_over() const;
  bool opens_them() const noexcept;
  void count_told(std::size_t files) noexcept;
  void want(Batch& batch);
  void give_all(const Batch& batch);
  void open_again(const Batch& batch);
  std::size_t give(int device, std::uint64_t nodeid);
  void keep(std::uint64_t nodeid, OpenFilePtr file);

  UnionFs& fs_;
  NodeTable& nodes_;
  IoModes& modes_;
  const bool enabled_;
  const std::size_t most_open_;
  std::vector<std::byte> buffer_;        // the thread's
  std::atomic<bool> superseded_{false};  // nobody wants the rest of the batch
  mutable std::mutex mutex_;
  // Guarded by mutex_, as what follows: files of late listings, and how many of them were opened.
  std::size_t told_ = 0;
  std::size_t opened_ = 0;
  std::uint64_t last_opened_ = 0;
  Batch wanted_;
  ReadyFiles ready_;
  LazyThread thread_;  // uses all of the above
};

}  // namespace aufs::fuse
