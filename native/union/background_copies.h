// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "sys/scheduling.h"
#include "union/union_fs.h"

namespace aufs {

// The files whose data is being copied behind their users (partial_copy.h), and the one thread that does it, in the order in which
// they came. It is started with the first of them. Keeps the files alive until they are done or let go. Thread-safe; its mutex is a leaf.
class BackgroundCopies {
 public:
  using Work = std::function<void(const NodePtr&)>;
  // Each takes two descriptors and its reserved room.
  static constexpr std::size_t kMost = 64;

  explicit BackgroundCopies(const sys::UsualPlacement& usual) : usual_(usual) {}
  BackgroundCopies(const BackgroundCopies&) = delete;
  BackgroundCopies& operator=(const BackgroundCopies&) = delete;
  ~BackgroundCopies() { stop(); }

  bool has_room() const;
  bool has(const NodePtr& node) const;
  // `work` is called with the file on the thread, unless the file is done before. It has to look at stopping().
  void add(const NodePtr& node, Work work);
  void done(const NodePtr& node);
  // Nobody will find the file any more: it is not done, but whoever has it keeps it.
  void let_go(const NodePtr& node);
  // What is not done yet.
  std::vector<NodePtr> all() const;
  bool stopping() const noexcept { return stopping_.load(); }
  // Ends the thread. What is not done is dropped.
  void stop();

 private:
  struct Task {
    NodePtr node;
    Work work;
  };
  void serve();

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<NodePtr> unfinished_;     // guarded by mutex_, as what follows
  std::vector<WeakNodePtr> abandoned_;  // let go
  std::deque<Task> queue_;
  std::thread thread_;
  const sys::UsualPlacement& usual_;
  std::atomic<bool> stopping_{false};
};

}  // namespace aufs
