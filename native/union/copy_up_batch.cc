// SPDX-License-Identifier: MIT
#include "union/copy_up_batch.h"

#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <utility>

#include "union/copy_up.h"
#include "union/copy_up_event.h"
#include "union/dir_merge.h"
#include "union/file_copy_up.h"
#include "union/metadata.h"
#include "union/select_branch.h"

namespace aufs {
namespace {

// Each is a descriptor, and whoever wants to change a file that waits waits too.
constexpr std::size_t kMost = 32;
constexpr off_t kLargest = 256 << 10;

}  // namespace

// Where a file goes.
struct CopyUpBatch::Destination {
  NodePtr parent;
  std::string name;
  BranchIndex branch;

  // Empty: not a lower file of one known name, or nobody knows where to.
  static std::optional<Destination> of(Engine& engine, const NodePtr& node) {
    Destination to{{}, {}, kNoBranch};
    if (node->is_dir()) return std::nullopt;
    BranchIndex source = kNoBranch;
    {
      const std::shared_lock guard(node->state);
      source = node->branch;
      if (engine.is_writable(source) || node->grouped || node->names.size() != 1 || node->rare().partial)
        return std::nullopt;
      to.parent = node->names.front().parent;
      to.name = node->names.front().name;
    }
    if (!check_name(engine, to.name)) return std::nullopt;
    const Result<BranchIndex> branch = branch_for_change(engine, to.parent, source);
    if (!branch) return std::nullopt;
    to.branch = *branch;
    return to;
  }

  bool operator==(const Destination& other) const {
    return parent == other.parent && name == other.name && branch == other.branch;
  }
};

struct CopyUpBatch::Item {
  Item(Engine& engine, std::size_t which, const NodePtr& of, std::unique_lock<SmallSharedMutex> held,
       const Destination& destination)
      : number(which),
        node(of),
        once(std::move(held)),
        to(destination),
        work(engine, node, {to.parent, to.name, false}, to.branch) {}

  const std::size_t number;
  const NodePtr node;
  const std::unique_lock<SmallSharedMutex> once;  // node->copy_up_mutex
  const Destination to;
  const CopyUpClock::time_point since = CopyUpClock::now();
  FileCopyUp work;
};

CopyUpBatch::CopyUpBatch(Engine& engine, const std::function<void(std::size_t)>& done)
    : engine_(engine), done_(done) {}

CopyUpBatch::~CopyUpBatch() = default;

Status CopyUpBatch::add(std::size_t number, const NodePtr& node) {
  const std::optional<Destination> to = Destination::of(engine_, node);
  if (!waiting_.empty()) {
    const Destination& others = waiting_.front()->to;
    const bool together = to && others.parent == to->parent && others.branch == to->branch;
    if (!together || waiting_.size() >= kMost) AUFS_CHECK(finish());
  }
  if (to && join(number, node, *to)) return ok();
  AUFS_CHECK(finish());
  return one(number, node);
}

// False if the file has to be copied by itself, or cannot be: that tells why.
bool CopyUpBatch::join(std::size_t number, const NodePtr& node, const Destination& destination) {
  // Who waits for one while he has others may wait for somebody who waits for those.
  std::unique_lock once(node->copy_up_mutex, std::try_to_lock);
  if (!once.owns_lock() || Destination::of(engine_, node) != destination) return false;
  if (!copy_up_directory(engine_, destination.parent, destination.branch)) return false;
  auto item = std::make_unique<Item>(engine_, number, node, std::move(once), destination);
  FileCopyUp& work = item->work;
  if (!work.look() || !work.is_plain_file() || work.size() > kLargest || !work.stage({})) return false;
  waiting_.push_back(std::move(item));
  return true;
}

Status CopyUpBatch::finish() {
  if (waiting_.empty()) return ok();
  const std::size_t named = name_all();
  for (std::size_t i = 0; i < named; ++i) {
    const Item& item = *waiting_[i];
    report_copy_up(engine_, item.node, item.work.outcome(), item.since);
    done_(item.number);
  }
  // The others by themselves: a name may have moved meanwhile, and what went wrong is told.
  std::vector<std::pair<std::size_t, NodePtr>> others;
  for (std::size_t i = named; i < waiting_.size(); ++i) {
    others.emplace_back(waiting_[i]->number, waiting_[i]->node);
  }
  waiting_.clear();
  for (const auto& [number, node] : others) AUFS_CHECK(one(number, node));
  return ok();
}

// How many of them got their names: all up to the first that failed.
std::size_t CopyUpBatch::name_all() {
  std::size_t settled = 0;
  while (settled < waiting_.size() && waiting_[settled]->work.settle()) ++settled;
  const auto [parent, name, branch] = waiting_.front()->to;
  const std::lock_guard dir_guard(parent->dir->lock);
  const Result<DirIndex*> index = ensure_index(engine_, parent);
  const Result<SharedFd> upper = dir_fd(engine_, parent, branch);
  if (!index || !upper) return 0;
  std::size_t named = 0;
  {
    const KeepTimes keep((*upper)->get());
    while (named < settled && waiting_[named]->work.publish_in(**index)) ++named;
  }
  note_own_change(engine_, parent, branch);
  return named;
}

Status CopyUpBatch::one(std::size_t number, const NodePtr& node) {
  AUFS_CHECK(copy_up(engine_, node));
  done_(number);
  return ok();
}

}  // namespace aufs
