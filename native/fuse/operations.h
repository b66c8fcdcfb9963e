// SPDX-License-Identifier: MIT
#pragma once

#include "fuse/server.h"

// One handler per opcode. A handler asks the engine and, on success, replies through call.reply; returning without having
// replied means an empty reply. An Error that it returns becomes the error reply. See dispatch.h for exceptions.
namespace aufs::fuse {

// The node that `id` stands for. Errors: ESTALE if the kernel was told to forget it.
Result<NodePtr> node_of(Call& call, std::uint64_t id);
Result<NodePtr> node_of(Call& call);
// Errors: EBADF for an fh that is not open.
Result<std::shared_ptr<FileHandle>> file_of(Call& call, std::uint64_t fh);
Caller caller_of(const Call& call) noexcept;
// With `nodirperm1` the permissions of the directory in every branch must allow it too. The kernel asks for each name anew then.
Status check_layers(Call& call, const NodePtr& dir, int mode);
// Tells the kernel of `found`, counting one look-up.
Status reply_entry(Call& call, const Found& found);

// operations_names.cc
Status on_lookup(Call& call);
Status on_forget(Call& call);
Status on_batch_forget(Call& call);
Status on_mknod(Call& call);
Status on_mkdir(Call& call);
Status on_symlink(Call& call);
Status on_link(Call& call);
Status on_unlink(Call& call);
Status on_rmdir(Call& call);
Status on_rename(Call& call);
Status on_rename2(Call& call);

// operations_attributes.cc
Status on_getattr(Call& call);
Status on_statx(Call& call);
Status on_setattr(Call& call);
Status on_readlink(Call& call);
Status on_statfs(Call& call);
Status on_getxattr(Call& call);
Status on_listxattr(Call& call);
Status on_setxattr(Call& call);
Status on_removexattr(Call& call);

// operations_open.cc
Status on_open(Call& call);
Status on_create(Call& call);
Status on_tmpfile(Call& call);
Status on_release(Call& call);

// operations_files.cc
Status on_read(Call& call);
Status on_write(Call& call);
Status on_flush(Call& call);
Status on_fsync(Call& call);
Status on_fallocate(Call& call);
Status on_lseek(Call& call);
Status on_copy_file_range(Call& call);
Status on_copy_file_range_64(Call& call);

// operations_control.cc
Status on_ioctl(Call& call);

// operations_directories.cc
Status on_opendir(Call& call);
Status on_readdir(Call& call);
Status on_readdirplus(Call& call);
Status on_fsyncdir(Call& call);
Status on_releasedir(Call& call);

}  // namespace aufs::fuse
