// SPDX-License-Identifier: MIT
#include "union/staging.h"

#include <fcntl.h>

#include "sys/attributes.h"
#include "sys/directory.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "sys/process_control.h"
#include "sys/write_order.h"
#include "union/remove_tree.h"
#include "union/whiteout.h"

namespace aufs {
namespace {

constexpr mode_t kStagingMode = 0700;
constexpr mode_t kWhiteoutMode = 0444;

bool no_unnamed_files(Error error) {
  return error.code == EOPNOTSUPP || error.code == EISDIR || error.code == ENOENT || error.code == EINVAL;
}

Status make_empty_file(int dir, const char* name) {
  AUFS_TRY(const UniqueFd fd,
           sys::open_at(dir, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, kWhiteoutMode));
  return sys::fchmod(fd.get(), kWhiteoutMode);  // whatever the umask of whoever asks
}

// Links the branch's whiteout inode to `name` in `dir`, making that inode first if the branch has none.
Status link_whiteout(const Branch& branch, int dir, const char* name) {
  const int root = branch.root.get();
  const std::string base(whiteout::kBase);
  Status linked = sys::link(root, base.c_str(), dir, name);
  if (!failed_with(linked, ENOENT)) return linked;
  const Status made = make_empty_file(root, base.c_str());
  if (!made && made.error().code != EEXIST) return made;
  return sys::link(root, base.c_str(), dir, name);
}

Status make_own_marker(int dir, const char* name) {
  const Status made = make_empty_file(dir, name);
  return failed_with(made, EEXIST) ? ok() : made;
}

Status make_marker(const Branch& branch, int dir, const char* name) {
  if (!branch.perm.link_whiteouts) return make_own_marker(dir, name);
  const Status linked = link_whiteout(branch, dir, name);
  if (linked || linked.error().code == EEXIST) return ok();
  switch (linked.error().code) {
    case EMLINK:
    case EPERM:  // no hard links on this file system, or not of a file of another owner
    case EXDEV:
    case EOPNOTSUPP:
    case EACCES: return make_own_marker(dir, name);
    default: return linked;
  }
}

}  // namespace

Result<UniqueFd> staging_directory(Engine& engine, BranchIndex branch) {
  const int root = engine.branch(branch).root.get();
  const std::string name(whiteout::kOrphans);
  Result<UniqueFd> dir = sys::open_at(root, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!failed_with(dir, ENOENT)) return dir;
  const Status made = sys::mkdir(root, name.c_str(), kStagingMode);
  if (!made && made.error().code != EEXIST) return made.error();
  return sys::open_at(root, name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
}

std::string temporary_name(Engine& engine) {
  return std::string(whiteout::kTemporary) + std::to_string(sys::process_id()) + "." +
         std::to_string(engine.temporary_names.fetch_add(1));
}

Result<StagedFile> StagedFile::create(Engine& engine, BranchIndex branch, int dir, mode_t mode) {
  Result<UniqueFd> unnamed = sys::open_at(dir, ".", O_TMPFILE | O_RDWR, mode);
  if (unnamed) {
    StagedFile file(*std::move(unnamed), UniqueFd(), "");
    AUFS_CHECK(file.look(engine.branch(branch)));
    return file;
  }
  if (!no_unnamed_files(unnamed.error())) return unnamed.error();
  AUFS_TRY(UniqueFd staging, staging_directory(engine, branch));
  std::string name = temporary_name(engine);
  AUFS_TRY(UniqueFd fd,
           sys::open_at(staging.get(), name.c_str(), O_CREAT | O_EXCL | O_RDWR | O_NOFOLLOW, mode));
  StagedFile file(std::move(fd), std::move(staging), std::move(name));
  AUFS_CHECK(file.look(engine.branch(branch)));
  return file;
}

// A directory of the branch may be another file system's.
Status StagedFile::look(const Branch& branch) {
  AUFS_TRY(made_, sys::stat_fd(fd()));
  ordered_ = branch.keeps_order && made_.st_dev == branch.dev;
  return ok();
}

StagedFile::StagedFile(StagedFile&& other) noexcept
    : fd_(std::move(other.fd_)),
      made_(other.made_),
      ordered_(other.ordered_),
      staging_(std::move(other.staging_)),
      name_(std::exchange(other.name_, "")) {}

StagedFile::~StagedFile() {
  if (!name_.empty()) (void)sys::unlink(staging_.get(), name_.c_str());
}

void StagedFile::begin_to_settle(CopyMethod method) const noexcept {
  if (ordered_ && method != CopyMethod::kReflink) sys::begin_to_write_out(fd());
}

// Shared blocks are on disk: FICLONE writes them out first.
Status StagedFile::settle(CopyMethod method) const {
  if (!ordered_) return sys::fsync(fd());
  return method == CopyMethod::kReflink ? ok() : sys::write_out(fd());
}

Status StagedFile::publish(int dir, const char* name) {
  if (name_.empty()) return sys::link_fd(fd(), dir, name);
  const Status linked = sys::link(staging_.get(), name_.c_str(), dir, name);
  if (linked || linked.error().code == EEXIST) return linked;
  // No hard links here: the temporary name itself becomes the name.
  AUFS_TRY(const bool taken, sys::exists(dir, name));
  if (taken) return Error{EEXIST, "linkat"};
  AUFS_CHECK(sys::rename(staging_.get(), name_.c_str(), dir, name, 0));
  name_.clear();
  return ok();
}

Status remove_tree_staged(Engine& engine, BranchIndex branch, int dir, const char* name) {
  const Status removed = sys::rmdir(dir, name);
  if (removed || (removed.error().code != ENOTEMPTY && removed.error().code != EEXIST)) return removed;
  AUFS_TRY(const UniqueFd staging, staging_directory(engine, branch));
  const std::string hidden = temporary_name(engine);
  AUFS_CHECK(sys::rename(dir, name, staging.get(), hidden.c_str(), 0));
  // It is out of sight: what cannot be deleted now is swept later.
  (void)remove_tree(staging.get(), hidden.c_str());
  return ok();
}

void sweep_staging(const Branch& branch) {
  const std::string name(whiteout::kOrphans);
  const Result<UniqueFd> dir =
      sys::open_at(branch.root.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW);
  if (!dir) return;
  std::vector<std::string> names;
  (void)sys::for_each_entry(dir->get(), "", [&](const sys::RawEntry& entry) {
    names.emplace_back(entry.name);
    return true;
  });
  for (const std::string& left : names) (void)remove_tree(dir->get(), left.c_str());
}

void prepare_whiteouts(const Branch& branch) {
  if (branch.perm.link_whiteouts)
    (void)make_own_marker(branch.root.get(), std::string(whiteout::kBase).c_str());
}

Status make_whiteout(Engine& engine, BranchIndex branch, int dir, const std::string& name) {
  return make_marker(engine.branch(branch), dir, whiteout::name_for(name).c_str());
}

Status remove_whiteout(int dir, const std::string& name) {
  const Status removed = sys::unlink(dir, whiteout::name_for(name).c_str());
  return failed_with(removed, ENOENT) ? ok() : removed;
}

Status make_opaque(Engine& engine, BranchIndex branch, int dir) {
  return make_marker(engine.branch(branch), dir, std::string(whiteout::kOpaque).c_str());
}

}  // namespace aufs
