// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "base/result.h"
#include "layer/apply_archive.h"
#include "layer/assemble_archive.h"
#include "layer/produce_archive.h"

namespace aufs::node {

// An archive at work, in JavaScript's hands: one call at a time.
template <typename Archive>
class ArchiveSession {
 public:
  explicit ArchiveSession(std::unique_ptr<Archive> archive) noexcept : archive_(std::move(archive)) {}

  // Runs `work(Archive&)`. Errors: EBUSY while another call runs, EBADF once it is closed, and those of `work`.
  template <typename Work>
  auto use(Work&& work) -> decltype(work(std::declval<Archive&>())) {
    const std::unique_lock guard(busy_, std::try_to_lock);
    if (!guard) return Error{EBUSY, "archive"};
    if (!archive_) return Error{EBADF, "archive"};
    return work(*archive_);
  }
  // Closes what is open, unless a call runs; then that happens when JavaScript forgets the handle.
  void close() noexcept {
    const std::unique_lock guard(busy_, std::try_to_lock);
    if (guard) archive_.reset();
  }
  // What `get(const Archive&)` says of where the call that has just failed was; "" if another one runs by now.
  template <typename Get>
  std::string name(Get&& get) {
    std::string name;
    (void)use([&](const Archive& archive) -> Status {
      name = get(archive);
      return ok();
    });
    return name;
  }

 private:
  std::mutex busy_;
  std::unique_ptr<Archive> archive_;  // guarded by busy_
};

struct ApplySession : ArchiveSession<layer::ApplyArchive> {
  using ArchiveSession::ArchiveSession;
  static constexpr napi_type_tag kTag{0x6e6f64652d617566, 0x732d6170706c7901};
  static constexpr const char* kName = "ApplyHandle";
};

struct ProduceSession : ArchiveSession<layer::ProduceArchive> {
  using ArchiveSession::ArchiveSession;
  static constexpr napi_type_tag kTag{0x6e6f64652d617566, 0x732d70726f647501};
  static constexpr const char* kName = "ProduceHandle";
};

struct AssembleSession : ArchiveSession<layer::AssembleArchive> {
  using ArchiveSession::ArchiveSession;
  static constexpr napi_type_tag kTag{0x6e6f64652d617566, 0x732d617373656d01};
  static constexpr const char* kName = "AssembleHandle";
};

}  // namespace aufs::node
