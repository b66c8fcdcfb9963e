// SPDX-License-Identifier: MIT
// The façade's part about open files; see union_fs.cc for the rest.
#include <fcntl.h>

#include "sys/file_io.h"
#include "union/copy_up.h"
#include "union/create.h"
#include "union/lookup.h"
#include "union/open_file.h"
#include "union/partial_copy.h"
#include "union/union_fs_impl.h"

namespace aufs {

Result<OpenFilePtr> UnionFs::open(const NodePtr& node, int flags) {
  const SharedTree tree(impl_->engine.tree_lock);
  return open_node(impl_->engine, node, flags);
}

Result<Opened> UnionFs::create(const NodePtr& parent, std::string_view name, int flags, mode_t mode,
                               Caller caller) {
  Engine& engine = impl_->engine;
  AUFS_CHECK(check_new_name(engine, name));
  const SharedTree tree(engine.tree_lock);
  const std::string key(name);
  // Another caller may make or remove the name between two steps: then the other step is right.
  for (;;) {
    SharedFd fd;
    Result<Found> made = make_open_file(engine, parent, key, mode, caller, &fd);
    if (made) {
      OpenFilePtr file = adopt_open(made->node, flags, std::move(fd));
      return Opened{std::move(file), *std::move(made)};
    }
    if (made.error().code != EEXIST || (flags & O_EXCL) != 0) {
      // On a union without a writable branch an existing file can still be opened.
      if (made.error().code != EROFS || (flags & O_EXCL) != 0) return made.error();
    }
    Result<Found> found = aufs::lookup(engine, parent, name);
    if (!found) {
      if (found.error().code == ENOENT && made.error().code == EEXIST) continue;
      return found.error().code == ENOENT ? made.error() : found.error();
    }
    AUFS_TRY(OpenFilePtr file, open_node(engine, found->node, flags));
    return Opened{std::move(file), *std::move(found)};
  }
}

Result<Opened> UnionFs::tmpfile(const NodePtr& parent, int flags, mode_t mode, Caller caller) {
  if (!parent->is_dir()) return Error{ENOTDIR, "tmpfile"};
  const SharedTree tree(impl_->engine.tree_lock);
  SharedFd fd;
  AUFS_TRY(Found made, make_unnamed_file(impl_->engine, parent, mode, caller, &fd));
  OpenFilePtr file = adopt_open(made.node, flags, std::move(fd));
  return Opened{std::move(file), std::move(made)};
}

Result<std::size_t> UnionFs::read(const OpenFilePtr& file, std::span<std::byte> into, off_t offset) {
  if (const PartialCopyPtr partial = partial_of(*file->node)) return partial->read(into, offset);
  AUFS_TRY(const SharedFd fd, reading_fd(file->node));
  return sys::pread(fd->get(), into, offset);
}

Result<std::size_t> UnionFs::write(const OpenFilePtr& file, std::span<const std::byte> from, off_t offset) {
  const SharedTree tree(impl_->engine.tree_lock);
  const Range soon{offset, offset + static_cast<off_t>(from.size())};
  AUFS_TRY(const WriteTarget to, write_target(impl_->engine, file->node, soon));
  const bool appends = offset < 0 && (file->flags & O_APPEND) != 0;
  if (to.partial) return offset < 0 && !appends ? Error{EINVAL, "write"} : to.partial->write(from, offset);
  return appends ? sys::append(to.fd->get(), from) : sys::pwrite(to.fd->get(), from, offset);
}

Status UnionFs::flush(const OpenFilePtr& file) {
  const SharedTree tree(impl_->engine.tree_lock);
  return is_lost(*file->node) ? ok() : finish_copy_up(impl_->engine, file->node);
}

bool UnionFs::needs_flush(const OpenFilePtr& file) {
  Engine& engine = impl_->engine;
  const std::uint64_t least = engine.options.background_copy_up;
  if (least == 0 || engine.options.revalidate) return false;
  const SharedTree tree(engine.tree_lock);
  {
    const std::shared_lock guard(file->node->state);
    if (engine.is_final(file->node->branch)) return false;
  }
  const Result<Attr> attr = attributes(engine, file->node);
  return attr && (attr->passing || static_cast<std::uint64_t>(attr->st.st_size) >= least);
}

Status UnionFs::finish_copy_ups() {
  const SharedTree tree(impl_->engine.tree_lock);
  return aufs::finish_copy_ups(impl_->engine);
}

Status UnionFs::fsync(const OpenFilePtr& file, bool data_only) {
  SharedFd fd;
  {
    const SharedTree tree(impl_->engine.tree_lock);
    AUFS_CHECK(finish_copy_up(impl_->engine, file->node));
    const std::shared_lock guard(file->node->state);
    if (!impl_->engine.is_writable(file->node->branch)) return ok();  // nothing of it was written
    const Backing& backing = file->node->rare().backing;
    fd = backing.write ? backing.write : backing.read;
  }
  return data_only ? sys::fdatasync(fd->get()) : sys::fsync(fd->get());
}

Status UnionFs::fsyncdir(const NodePtr& dir) {
  if (!dir->is_dir()) return Error{ENOTDIR, "fsync"};
  if (dir->dir->removed) return ok();
  const SharedTree tree(impl_->engine.tree_lock);
  for (const BranchIndex branch : layer_branches(*dir)) {
    if (!impl_->engine.is_writable(branch)) continue;
    AUFS_TRY(const SharedFd layer, dir_fd(impl_->engine, dir, branch));
    AUFS_TRY(const UniqueFd fd, sys::open_at(layer->get(), ".", O_RDONLY | O_DIRECTORY));
    AUFS_CHECK(sys::fsync(fd.get()));
  }
  return ok();
}

Status UnionFs::fallocate(const OpenFilePtr& file, int mode, off_t offset, off_t length) {
  const SharedTree tree(impl_->engine.tree_lock);
  AUFS_TRY(const SharedFd fd, writing_fd(impl_->engine, file->node));
  return sys::fallocate(fd->get(), mode, offset, length);
}

Result<off_t> UnionFs::seek(const OpenFilePtr& file, off_t offset, int whence) {
  if (const PartialCopyPtr partial = partial_of(*file->node)) return partial->seek(offset, whence);
  AUFS_TRY(const SharedFd fd, reading_fd(file->node));
  return sys::seek(fd->get(), offset, whence);
}

Result<std::size_t> UnionFs::copy_range(const OpenFilePtr& from, off_t from_offset, const OpenFilePtr& to,
                                        off_t to_offset, std::size_t length) {
  const SharedTree tree(impl_->engine.tree_lock);
  AUFS_TRY(const SharedFd target, writing_fd(impl_->engine, to->node));
  AUFS_CHECK(finish_copy_up(impl_->engine, from->node));
  AUFS_TRY(const SharedFd source, reading_fd(from->node));
  return sys::copy_file_range(source->get(), from_offset, target->get(), to_offset, length);
}

Result<bool> UnionFs::has_writers(const NodePtr& node) {
  const SharedTree tree(impl_->engine.tree_lock);
  return aufs::has_writers(impl_->engine, node);
}

NodePtr UnionFs::node_of(const OpenFilePtr& file) {
  return file->node;
}

std::span<const std::byte> UnionFs::small_lower_data(const OpenFilePtr& file, std::span<std::byte> into) {
  SharedFd fd;
  while_lower(file, [&] { fd = file->node->rare().backing.read; });
  if (!fd) return {};
  const Result<struct stat> st = sys::stat_fd(fd->get());
  if (!st || st->st_size > static_cast<off_t>(into.size())) return {};
  const auto size = static_cast<std::size_t>(st->st_size);
  const Result<std::size_t> got = sys::pread(fd->get(), into.first(size), 0);
  return got && *got == size ? into.first(size) : std::span<const std::byte>();
}

void UnionFs::while_lower(const OpenFilePtr& file, const std::function<void()>& work) {
  const SharedTree tree(impl_->engine.tree_lock);
  const std::shared_lock guard(file->node->state);
  if (!impl_->engine.is_writable(file->node->branch) && !file->node->rare().partial) work();
}

std::optional<int> UnionFs::passthrough_fd(const OpenFilePtr& file, off_t small) {
  const Engine& engine = impl_->engine;
  const SharedTree tree(impl_->engine.tree_lock);
  const std::lock_guard guard(file->node->state);
  if (!engine.is_final(file->node->branch)) return std::nullopt;
  RareState& rare = file->node->change_rare();
  const SharedFd& fd = rare.backing.write ? rare.backing.write : rare.backing.read;
  if (!fd) return std::nullopt;
  if (small > 0 && !engine.is_writable(file->node->branch)) {
    const Result<struct stat> st = sys::stat_fd(fd->get());
    if (!st || st->st_size <= small) return std::nullopt;
  }
  rare.lent = true;
  return fd->get();
}

}  // namespace aufs
