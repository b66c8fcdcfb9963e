// SPDX-License-Identifier: MIT
#include "fuse/dispatch.h"

#include <array>
#include <cerrno>
#include <new>

#include "fuse/operations.h"

namespace aufs::fuse {
namespace {

using Handler = Status (*)(Call&);

Status on_interrupt(Call& call) {  // operations are short or must not be cut; there is no reply to INTERRUPT
  call.reply.give_none();
  return ok();
}

Status on_destroy(Call&) {
  return ok();
}

// Absent on purpose: ACCESS (default_permissions: the kernel checks),
// POLL, BMAP, the lock operations (not negotiated: the kernel keeps locks itself).
constexpr std::array<Handler, wire::kOpcodeEnd> make_handlers() {
  using enum wire::Opcode;
  std::array<Handler, wire::kOpcodeEnd> table{};
  const auto set = [&table](wire::Opcode opcode, Handler handler) {
    table[static_cast<std::size_t>(opcode)] = handler;
  };
  set(kLookup, on_lookup);
  set(kForget, on_forget);
  set(kGetattr, on_getattr);
  set(kSetattr, on_setattr);
  set(kReadlink, on_readlink);
  set(kSymlink, on_symlink);
  set(kMknod, on_mknod);
  set(kMkdir, on_mkdir);
  set(kUnlink, on_unlink);
  set(kRmdir, on_rmdir);
  set(kRename, on_rename);
  set(kLink, on_link);
  set(kOpen, on_open);
  set(kRead, on_read);
  set(kWrite, on_write);
  set(kStatfs, on_statfs);
  set(kRelease, on_release);
  set(kFlush, on_flush);
  set(kFsync, on_fsync);
  set(kSetxattr, on_setxattr);
  set(kGetxattr, on_getxattr);
  set(kListxattr, on_listxattr);
  set(kRemovexattr, on_removexattr);
  set(kOpendir, on_opendir);
  set(kReaddir, on_readdir);
  set(kReleasedir, on_releasedir);
  set(kFsyncdir, on_fsyncdir);
  set(kCreate, on_create);
  set(kInterrupt, on_interrupt);
  set(kDestroy, on_destroy);
  set(kIoctl, on_ioctl);
  set(kBatchForget, on_batch_forget);
  set(kFallocate, on_fallocate);
  set(kReaddirplus, on_readdirplus);
  set(kRename2, on_rename2);
  set(kLseek, on_lseek);
  set(kCopyFileRange, on_copy_file_range);
  set(kTmpfile, on_tmpfile);
  set(kStatx, on_statx);
  set(kCopyFileRange64, on_copy_file_range_64);
  return table;
}
constexpr auto kHandlers = make_handlers();

void settle(Reply& reply, const Status& status) noexcept {
  if (reply.given()) return;
  if (status) {
    reply.send_empty();
  } else {
    reply.fail(status.error().code);
  }
}

}  // namespace

void dispatch(Call& call) noexcept {
  const std::uint32_t opcode = call.request.header.opcode;
  const Handler handler = opcode < kHandlers.size() ? kHandlers[opcode] : nullptr;
  if (handler == nullptr) {
    call.reply.fail(ENOSYS);
    return;
  }
  try {
    settle(call.reply, handler(call));
  } catch (const std::bad_alloc&) {
    settle(call.reply, Error{ENOMEM, "fuse"});
  } catch (...) {
    settle(call.reply, Error{EIO, "fuse"});
  }
}

}  // namespace aufs::fuse
