// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "union/union_fs.h"

namespace aufs::node {

// One file that JavaScript has open: a number there, this here. A directory has a node only.
struct OpenFd {
  NodePtr node;
  OpenFilePtr file;  // null for a directory
  int flags = 0;
  std::mutex mutex;    // guards position
  off_t position = 0;  // bytes; of reads and writes that name none
};

// A union in JavaScript's hands. Thread-safe.
class Session {
 public:
  static constexpr napi_type_tag kTag{0x6e6f64652d617566, 0x732d756e696f6e31};
  static constexpr const char* kName = "UnionHandle";

  // Remembers copy_ups; only the latest are kept. Outlives the union that reports to it.
  class Log {
   public:
    // Called by the engine on the thread that copied.
    void add(const CopyUpEvent& event);
    // The last event that add() was given on this thread; forgotten by forget_mine().
    static const CopyUpEvent* mine() noexcept;
    static void forget_mine() noexcept;
    std::vector<CopyUpEvent> take();

   private:
    static constexpr std::size_t kMax = 10'000;
    std::mutex mutex_;
    std::deque<CopyUpEvent> events_;  // guarded by mutex_
  };

  Session(std::shared_ptr<UnionFs> fs, std::shared_ptr<Log> log) : log_(std::move(log)), fs_(std::move(fs)) {}

  // Runs `work(UnionFs&)`, which gives a Result. Errors: EBADF once the union is closed, and those of `work`.
  template <typename Work>
  auto use(Work&& work) -> decltype(work(std::declval<UnionFs&>())) {
    const std::shared_lock guard(open_);
    if (!fs_) return Error{EBADF, "union"};
    return work(*fs_);
  }
  // Waits for running calls, then closes all files and the union. Again is harmless.
  void close();

  int add_file(std::shared_ptr<OpenFd> file);
  Result<std::shared_ptr<OpenFd>> file(int number);
  Status close_file(int number);
  // The directories that are open.
  std::vector<NodePtr> open_directories();

  Log& log() noexcept { return *log_; }

 private:
  const std::shared_ptr<Log> log_;
  std::shared_mutex open_;       // shared while a call runs; exclusive to close. Outermost
  std::shared_ptr<UnionFs> fs_;  // guarded by open_
  std::mutex files_mutex_;
  std::map<int, std::shared_ptr<OpenFd>> files_;  // guarded by files_mutex_, as what follows
  int next_file_ = 1;
};

}  // namespace aufs::node
