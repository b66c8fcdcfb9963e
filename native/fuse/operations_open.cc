// SPDX-License-Identifier: MIT
// Opening and closing files, and with it the choice between passthrough and the page cache (io_modes.h).
#include <fcntl.h>

#include "fuse/convert.h"
#include "fuse/notify.h"
#include "fuse/operations.h"
#include "fuse/set_id.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

bool opens_for_writing(std::uint32_t flags) noexcept {
  return (flags & O_ACCMODE) != O_RDONLY;
}

// mmap(2) with MAP_SHARED and PROT_WRITE needs both.
bool opens_for_both(std::uint32_t flags) noexcept {
  return (flags & O_ACCMODE) == O_RDWR;
}

// A write by an ordinary user takes set-id bits and file capabilities away. Writes through the page cache reach us with a
// flag that says so; passthrough writes are done with this process's rights, to which the backing file system grants
// everything. So a file that has something to lose is not written through passthrough.
bool has_privileges_to_lose(UnionFs& fs, const NodePtr& node, const struct stat& st) {
  if ((st.st_mode & (S_ISUID | S_ISGID)) != 0) return true;
  if ((st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) == 0) return false;
  return static_cast<bool>(fs.getxattr(node, "security.capability"));
}

// The descriptor to hand to the kernel, if this open may be passthrough. `st` may be null: looked up when needed. To register a small file takes
// longer than to give the kernel its data.
Result<std::optional<int>> backing_of(Call& call, const OpenFilePtr& file, bool writable,
                                      const struct stat* st) {
  UnionFs& fs = call.server.fs;
  if (call.server.modes.why_not() != nullptr) return std::optional<int>();
  const std::optional<int> fd = fs.passthrough_fd(file, call.server.gives_data() ? kSmallFile : 0);
  if (!fd || !writable) return fd;
  const NodePtr node = UnionFs::node_of(file);
  Attr attr;
  if (st == nullptr) {
    AUFS_TRY(attr, fs.getattr(node));
    st = &attr.st;
  }
  return has_privileges_to_lose(fs, node, *st) ? std::optional<int>() : fd;
}

// Only the first time: afterwards the kernel has it, or has dropped it for want of memory. Of others than small files of read-only branches
// FilesAhead is told, too, if they are opened again: to find out takes longer.
void give_data(Call& call, const OpenFilePtr& file, std::uint64_t nodeid, std::uint32_t flags) {
  Server& server = call.server;
  if (!server.gives_data() || opens_for_writing(flags) || (flags & O_DIRECT) != 0) return;
  const bool first = server.nodes.is_first_open(nodeid);
  if (first && give_early(server.fs, server.modes, call.device, file, nodeid, call.scratch) == 0) return;
  server.files_ahead.opened(nodeid);
}

// What was opened ahead, where it was; that is for reading only.
Result<OpenFilePtr> open_file(Call& call, const NodePtr& node, std::uint32_t flags) {
  FilesAhead& ahead = call.server.files_ahead;
  const std::uint64_t nodeid = call.request.header.nodeid;
  if (opens_for_writing(flags) || (flags & O_TRUNC) != 0) ahead.drop(nodeid);
  else if (OpenFilePtr file = ahead.ready(nodeid)) return file;
  return call.server.fs.open(node, static_cast<int>(flags));
}

struct Granted {
  std::uint64_t fh;
  wire::OpenOut out;
};

Result<Granted> grant(Call& call, OpenFilePtr file, std::uint64_t nodeid, std::uint32_t flags,
                      const struct stat* st) {
  Server& server = call.server;
  const bool writable = opens_for_writing(flags);
  AUFS_TRY(const std::optional<int> backing, backing_of(call, file, writable, st));
  if (!backing) give_data(call, file, nodeid, flags);
  auto handle = std::make_shared<FileHandle>(FileHandle{std::move(file), nodeid, false, false});
  const OpenMode mode = server.modes.open(nodeid, backing);
  const bool needs_flush = writable && !mode.passthrough && server.fs.needs_flush(handle->file);
  const bool mappable = mode.passthrough && opens_for_both(flags);
  handle->passthrough = mode.passthrough;
  handle->mappable = mappable;
  std::uint64_t fh = 0;
  try {
    if (mappable && server.mapped.open(nodeid)) notify_attributes_changed(call.device, nodeid);
    fh = server.files.add(std::move(handle));
  } catch (...) {
    server.modes.close(nodeid, mode.passthrough);
    if (mappable) server.mapped.close(nodeid);
    throw;
  }
  // FLUSH has nothing to do here, and a process that dies while it serves or uses the mount must not wait for one; but for files
  // that may be copied behind: closing is the last moment at which an error of that can be told.
  std::uint32_t open_flags = needs_flush ? 0 : wire::kOpenNoFlush;
  if (mode.passthrough) open_flags |= wire::kOpenPassthrough;
  if (mode.keep_cache && !server.settings.revalidate) open_flags |= wire::kOpenKeepCache;
  return Granted{fh, {fh, open_flags, mode.backing_id}};
}

void close_file(Server& server, std::uint64_t fh) {
  const std::shared_ptr<FileHandle> handle = server.files.take(fh);
  if (handle == nullptr) return;
  server.modes.close(handle->nodeid, handle->passthrough);
  if (handle->mappable) server.mapped.close(handle->nodeid);
}

Status reply_created(Call& call, Opened opened, std::uint32_t flags) {
  Server& server = call.server;
  const std::uint64_t nodeid = server.nodes.remember(opened.found.node);
  const Result<Granted> granted = grant(call, std::move(opened.file), nodeid, flags, &opened.found.attr.st);
  if (!granted) {
    server.forget(nodeid, 1);
    return granted.error();
  }
  const auto entry = to_entry(nodeid, opened.found.attr, server.timeouts.entry, server.attr_seconds(nodeid));
  if (!call.reply.send_structs(entry, granted->out)) {
    close_file(server, granted->fh);
    server.forget(nodeid, 1);
  }
  return ok();
}

}  // namespace

Status on_open(Call& call) {
  const auto in = call.request.as<wire::OpenIn>();
  AUFS_TRY(const NodePtr node, node_of(call));
  AUFS_TRY(OpenFilePtr file, open_file(call, node, in.flags));
  if ((in.open_flags & wire::kOpenKillSetId) != 0) AUFS_CHECK(drop_set_id(call, call.request.header.nodeid));
  AUFS_TRY(const Granted granted,
           grant(call, std::move(file), call.request.header.nodeid, in.flags, nullptr));
  if (!call.reply.send_struct(granted.out)) close_file(call.server, granted.fh);
  return ok();
}

Status on_create(Call& call) {
  const auto in = call.request.as<wire::CreateIn>();
  AUFS_TRY(const NodePtr parent, node_of(call));
  const sys::UmaskScope umask(in.umask);
  AUFS_TRY(Opened opened, call.server.fs.create(parent, call.request.name, static_cast<int>(in.flags),
                                                in.mode, caller_of(call)));
  return reply_created(call, std::move(opened), in.flags);
}

Status on_tmpfile(Call& call) {
  const auto in = call.request.as<wire::CreateIn>();
  AUFS_TRY(const NodePtr parent, node_of(call));
  const sys::UmaskScope umask(in.umask);
  AUFS_TRY(Opened opened,
           call.server.fs.tmpfile(parent, static_cast<int>(in.flags), in.mode, caller_of(call)));
  return reply_created(call, std::move(opened), in.flags);
}

Status on_release(Call& call) {
  close_file(call.server, call.request.as<wire::ReleaseIn>().fh);
  return ok();
}

}  // namespace aufs::fuse
