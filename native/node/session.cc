// SPDX-License-Identifier: MIT
#include "node/session.h"

#include <optional>

namespace aufs::node {
namespace {

// Parents that have to be copied come first, so the last event of a call is about what was asked for.
thread_local std::optional<CopyUpEvent> last_event;

}  // namespace

const CopyUpEvent* Session::Log::mine() noexcept {
  return last_event ? &*last_event : nullptr;
}
void Session::Log::forget_mine() noexcept {
  last_event.reset();
}

void Session::Log::add(const CopyUpEvent& event) {
  last_event = event;
  const std::lock_guard guard(mutex_);
  if (events_.size() == kMax) events_.pop_front();
  events_.push_back(event);
}

std::vector<CopyUpEvent> Session::Log::take() {
  const std::lock_guard guard(mutex_);
  std::vector<CopyUpEvent> taken(std::make_move_iterator(events_.begin()),
                                 std::make_move_iterator(events_.end()));
  events_.clear();
  return taken;
}

void Session::close() {
  const std::lock_guard guard(open_);
  {
    const std::lock_guard files(files_mutex_);
    files_.clear();
  }
  // A hard link below whose other names were not written stays one file for whoever reads the branch next.
  if (fs_ && fs_->writable()) (void)fs_->flush_hard_links();
  fs_.reset();
}

int Session::add_file(std::shared_ptr<OpenFd> file) {
  const std::lock_guard guard(files_mutex_);
  const int number = next_file_++;
  files_.emplace(number, std::move(file));
  return number;
}

Result<std::shared_ptr<OpenFd>> Session::file(int number) {
  const std::lock_guard guard(files_mutex_);
  const auto at = files_.find(number);
  if (at == files_.end()) return Error{EBADF, "union"};
  return at->second;
}

Status Session::close_file(int number) {
  std::shared_ptr<OpenFd> last;  // closed outside the mutex
  const std::lock_guard guard(files_mutex_);
  const auto at = files_.find(number);
  if (at == files_.end()) return Error{EBADF, "union"};
  last = std::move(at->second);
  files_.erase(at);
  return ok();
}

std::vector<NodePtr> Session::open_directories() {
  std::vector<NodePtr> directories;
  const std::lock_guard guard(files_mutex_);
  for (const auto& [number, file] : files_) {
    if (!file->file) directories.push_back(file->node);
  }
  return directories;
}

}  // namespace aufs::node
