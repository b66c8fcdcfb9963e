// SPDX-License-Identifier: MIT
#include "fuse/chain_indexer.h"

#include <chrono>
#include <system_error>

#include "sys/scheduling.h"
#include "union/chain_index.h"
#include "union/chain_index_writer.h"

namespace aufs::fuse {
namespace {

constexpr std::chrono::seconds kDelay{1};

// The branches that the index is of, wherever they were moved since they were given.
Result<std::vector<BranchSpec>> chain_of(const UnionFs& fs) {
  std::vector<BranchSpec> chain = fs.branches();
  const BranchIndex base = chain_base(chain);
  for (auto index = base; index < static_cast<BranchIndex>(chain.size()); ++index) {
    AUFS_TRY(chain[static_cast<std::size_t>(index)].path, fs.branch_path(index));
  }
  chain.erase(chain.begin(), chain.begin() + base);
  return chain;
}

}  // namespace

void ChainIndexer::start(const UnionFs& fs, const std::string& path) {
  const Result<std::vector<BranchSpec>> chain = chain_of(fs);
  if (!chain || chain->empty()) return;
  try {
    thread_ = std::thread([this, chain = *chain, path] { work(chain, path); });
  } catch (const std::system_error&) {
    // Without a thread there is no index, as without the option.
  }
}

void ChainIndexer::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  woken_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ChainIndexer::work(const std::vector<BranchSpec>& chain, const std::string& path) {
  {
    std::unique_lock lock(mutex_);
    if (woken_.wait_for(lock, kDelay, [this] { return stopping_; })) return;
  }
  sys::give_way();
  const auto cancelled = [this] {
    const std::lock_guard lock(mutex_);
    return stopping_;
  };
  [[maybe_unused]] const Status written = write_chain_index(chain, path, cancelled);
}

}  // namespace aufs::fuse
