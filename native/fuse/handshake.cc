// SPDX-License-Identifier: MIT
#include "fuse/handshake.h"

#include <algorithm>
#include <cerrno>

namespace aufs::fuse {
namespace {

// What this server makes use of when the kernel has it. Left out on purpose:
//   POSIX_LOCKS, FLOCK_LOCKS  locks are the kernel's own business on a local mount;
//   WRITEBACK_CACHE           excludes passthrough, and makes the kernel the owner of size and times;
//   READDIRPLUS_AUTO          the kernel then asks for attributes with the first block of names only, too late for programs
//                             that read all names before they look at any (find, tar, rm): measured on 50,000 files,
//                             find -size takes 2.4 times as long with it, while a bare listing takes a third;
//   NO_OPEN, NO_OPENDIR       would leave us without the open that decides about passthrough.
// EXPLICIT_INVAL_DATA comes on top: we say what pages are stale. Or, where branches are edited behind our back (udba=reval),
// AUTO_INVAL_DATA: the kernel drops the pages of a file whose times have changed.
constexpr std::uint64_t kWanted =
    wire::kAsyncRead | wire::kAtomicTruncate | wire::kExportSupport | wire::kBigWrites | wire::kDontMask |
    wire::kDoReaddirplus | wire::kAsyncDirectIo | wire::kParallelDirops | wire::kPosixAcl | wire::kMaxPages |
    wire::kCacheSymlinks | wire::kHandleKillprivV2 | wire::kSetxattrExt | wire::kInitExt;

constexpr std::uint16_t kMaxBackground = 64;  // background requests (read-ahead, RELEASE) in flight
constexpr std::uint16_t kCongestion = 48;

}  // namespace

Result<Handshake> shake_hands(const wire::InitIn& init, Wanted want) noexcept {
  if (init.major != wire::kMajor || init.minor < wire::kOldestMinor) return Error{EPROTO, "init"};
  std::uint64_t offered = init.flags;
  if ((offered & wire::kInitExt) != 0) offered |= static_cast<std::uint64_t>(init.flags2) << 32;
  const std::uint64_t wanted = kWanted | (want.passthrough ? wire::kPassthrough : 0) |
                               (want.over_io_uring ? wire::kOverIoUring : 0) |
                               (want.revalidate ? wire::kAutoInvalData : wire::kExplicitInvalData);

  Handshake result{};
  result.negotiated.minor = std::min(init.minor, wire::kMinor);
  result.negotiated.flags = offered & wanted;
  wire::InitOut& out = result.reply;
  out.major = wire::kMajor;
  out.minor = wire::kMinor;
  out.max_readahead =
      std::max<std::uint32_t>(init.max_readahead, kMaxTransfer);  // the kernel takes the smaller one
  out.flags = static_cast<std::uint32_t>(result.negotiated.flags);
  out.flags2 = static_cast<std::uint32_t>(result.negotiated.flags >> 32);
  out.max_background = kMaxBackground;
  out.congestion_threshold = kCongestion;
  out.max_write = kMaxTransfer;
  out.max_pages = kMaxPages;
  out.time_gran = 1;
  out.max_stack_depth = result.negotiated.has(wire::kPassthrough) ? 1 : 0;
  return result;
}

}  // namespace aufs::fuse
