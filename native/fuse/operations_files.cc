// SPDX-License-Identifier: MIT
// Data of open files.
#include <algorithm>

#include "fuse/operations.h"
#include "fuse/set_id.h"

namespace aufs::fuse {
namespace {

Result<std::size_t> copy_range(Call& call) {
  const auto in = call.request.as<wire::CopyFileRangeIn>();
  if (in.flags != 0) return Error{EINVAL, "copy_file_range"};
  AUFS_TRY(const std::shared_ptr<FileHandle> from, file_of(call, in.fh_in));
  AUFS_TRY(const std::shared_ptr<FileHandle> to, file_of(call, in.fh_out));
  // One request must not keep the caller, and this thread, for minutes: the caller asks again for the rest.
  constexpr std::uint64_t kMost = 1ULL << 30;
  AUFS_TRY(const std::size_t copied,
           call.server.fs.copy_range(from->file, static_cast<off_t>(in.off_in), to->file,
                                     static_cast<off_t>(in.off_out),
                                     static_cast<std::size_t>(std::min(in.len, kMost))));
  if (copied > 0) AUFS_CHECK(drop_set_id_unless_privileged(call, to->nodeid));
  return copied;
}

}  // namespace

Result<std::shared_ptr<FileHandle>> file_of(Call& call, std::uint64_t fh) {
  std::shared_ptr<FileHandle> handle = call.server.files.get(fh);
  if (handle == nullptr) return Error{EBADF, "fuse"};
  return handle;
}

Status on_read(Call& call) {
  const auto in = call.request.as<wire::ReadIn>();
  AUFS_TRY(const std::shared_ptr<FileHandle> handle, file_of(call, in.fh));
  const std::span<std::byte> into = call.scratch.first(std::min<std::size_t>(in.size, call.scratch.size()));
  AUFS_TRY(const std::size_t got, call.server.fs.read(handle->file, into, static_cast<off_t>(in.offset)));
  call.reply.send(into.first(got));
  return ok();
}

Status on_write(Call& call) {
  const auto in = call.request.as<wire::WriteIn>();
  AUFS_TRY(const std::shared_ptr<FileHandle> handle, file_of(call, in.fh));
  if ((in.write_flags & wire::kWriteKillSetId) != 0) AUFS_CHECK(drop_set_id(call, handle->nodeid));
  AUFS_TRY(const std::size_t written,
           call.server.fs.write(handle->file, call.request.data, static_cast<off_t>(in.offset)));
  call.reply.send_struct(wire::WriteOut{static_cast<std::uint32_t>(written), 0});
  return ok();
}

Status on_flush(Call& call) {
  AUFS_TRY(const std::shared_ptr<FileHandle> handle, file_of(call, call.request.as<wire::FlushIn>().fh));
  return call.server.fs.flush(handle->file);
}

Status on_fsync(Call& call) {
  const auto in = call.request.as<wire::FsyncIn>();
  AUFS_TRY(const std::shared_ptr<FileHandle> handle, file_of(call, in.fh));
  return call.server.fs.fsync(handle->file, (in.flags & wire::kFsyncDataOnly) != 0);
}

Status on_fallocate(Call& call) {
  const auto in = call.request.as<wire::FallocateIn>();
  AUFS_TRY(const std::shared_ptr<FileHandle> handle, file_of(call, in.fh));
  AUFS_CHECK(call.server.fs.fallocate(handle->file, static_cast<int>(in.mode), static_cast<off_t>(in.offset),
                                      static_cast<off_t>(in.length)));
  return drop_set_id_unless_privileged(call, handle->nodeid);
}

Status on_lseek(Call& call) {
  const auto in = call.request.as<wire::LseekIn>();
  AUFS_TRY(const std::shared_ptr<FileHandle> handle, file_of(call, in.fh));
  AUFS_TRY(const off_t at,
           call.server.fs.seek(handle->file, static_cast<off_t>(in.offset), static_cast<int>(in.whence)));
  call.reply.send_struct(wire::LseekOut{static_cast<std::uint64_t>(at)});
  return ok();
}

Status on_copy_file_range(Call& call) {
  AUFS_TRY(const std::size_t copied, copy_range(call));
  call.reply.send_struct(wire::WriteOut{static_cast<std::uint32_t>(copied), 0});
  return ok();
}

Status on_copy_file_range_64(Call& call) {
  AUFS_TRY(const std::size_t copied, copy_range(call));
  call.reply.send_struct(wire::CopyFileRangeOut{copied});
  return ok();
}

}  // namespace aufs::fuse
