// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

#include "union/engine.h"

namespace aufs {

// Copies up one file after the other. Small ones of one directory get their names together: the disk writes the data of one while the next is
// copied, the directory is locked once, and its times, which each name moves, are put back once.
//
// For one thread, which holds tree_lock shared and none of the locks below that. Files that wait for their names keep their copy_up_mutex.
class CopyUpBatch {
 public:
  // `done` is told the number of each node that is there, in the order in which they were added, on this thread.
  CopyUpBatch(Engine& engine, const std::function<void(std::size_t)>& done);
  CopyUpBatch(const CopyUpBatch&) = delete;
  CopyUpBatch& operator=(const CopyUpBatch&) = delete;
  // What has not got its name is dropped.
  ~CopyUpBatch();

  // Errors: as copy_up(), of this one or of one before. Then nothing more may be added.
  Status add(std::size_t number, const NodePtr& node);
  // Gives names to those that wait. Errors: as copy_up().
  Status finish();

 private:
  struct Item;
  struct Destination;
  bool join(std::size_t number, const NodePtr& node, const Destination& destination);
  std::size_t name_all();
  Status one(std::size_t number, const NodePtr& node);

  Engine& engine_;
  const std::function<void(std::size_t)>& done_;
  std::vector<std::unique_ptr<Item>> waiting_;  // all of one directory and branch
};

}  // namespace aufs
