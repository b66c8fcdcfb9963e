// SPDX-License-Identifier: MIT
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace aufs::layer {

// Does work in the order in which it is told, in a thread of its own, while the caller goes on. Where no thread can be had, or
// the work is too little to wake one, settle() does it. All calls come from one thread at a time.
class OrderedWork {
 public:
  using Job = std::function<Status()>;

  OrderedWork() = default;
  // What is not done yet is not done any more.
  ~OrderedWork();
  OrderedWork(const OrderedWork&) = delete;
  OrderedWork& operator=(const OrderedWork&) = delete;

  // What `job` refers to has to stay as it is until settle(). `bytes`: of data that it deals with, to judge how much work it is.
  void add(Job job, std::size_t bytes = 0);

  // Returns when everything has been done, or something has failed: the first failure, after which nothing is done any more.
  Status settle();

 private:
  void hand_over();
  void serve();
  void run(const std::vector<Job>& jobs);

  // The caller's.
  std::vector<Job> told_;  // and not handed over yet
  std::size_t told_bytes_ = 0;
  std::thread thread_;

  Status status_ = ok();  // the thread's while `busy_`, else the caller's

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Job> queue_;  // guarded by mutex_, as what follows
  bool busy_ = false;       // there are jobs in queue_ or in the thread's hands
  bool stopping_ = false;
};

}  // namespace aufs::layer
