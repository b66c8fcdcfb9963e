// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>

#include "union/engine.h"

// Things under construction in a writable branch: what is not whole has no name that anybody looks up (decision 8).
namespace aufs {

// A regular file with no name until it is whole. Dropped on every path but publish(), so that a crash or an error
// leaves no half-copied file. Where the file system has no O_TMPFILE it has a temporary name in `.wh..wh.orph`, which
// the next open of the branch sweeps.
class StagedFile {
 public:
  // `mode` less the umask of the thread.
  static Result<StagedFile> create(Engine& engine, BranchIndex branch, int dir, mode_t mode);
  StagedFile(StagedFile&& other) noexcept;
  StagedFile& operator=(StagedFile&&) = delete;
  ~StagedFile();

  int fd() const noexcept { return fd_->get(); }  // O_RDWR
  // As it was made: empty.
  const struct stat& made() const noexcept { return made_; }
  // Whether the file system brings what was written out before its name to disk before it (Branch::keeps_order).
  bool keeps_order() const noexcept { return ordered_; }
  // Afterwards the file is whole after a power cut, or has no name: what has been written to it comes before the name in any case.
  Status settle(CopyMethod method) const;
  // Lets the disk begin with what settle() is going to wait for.
  void begin_to_settle(CopyMethod method) const noexcept;
  // Gives the file its name in `dir`. EEXIST: somebody else was first, and theirs stays.
  Status publish(int dir, const char* name);
  const SharedFd& shared_fd() const noexcept { return fd_; }

 private:
  StagedFile(UniqueFd fd, UniqueFd staging, std::string name)
      : fd_(share(std::move(fd))), staging_(std::move(staging)), name_(std::move(name)) {}
  Status look(const Branch& branch);
  SharedFd fd_;
  struct stat made_ {};
  bool ordered_ = false;  // as Branch::keeps_order
  UniqueFd staging_;      // directory of the temporary name; none with O_TMPFILE
  std::string name_;
};

// The staging directory of a writable branch (`.wh..wh.orph`, made when needed), O_PATH.
Result<UniqueFd> staging_directory(Engine& engine, BranchIndex branch);
// A name that nobody else uses.
std::string temporary_name(Engine& engine);

// Deletes `name` in `dir`, a directory of `branch`, and all below it. The directory is moved into the staging directory first, so it disappears in
// one step; what a crash leaves there is swept at the next open.
Status remove_tree_staged(Engine& engine, BranchIndex branch, int dir, const char* name);
// Deletes all that earlier unions left in the staging directory.
void sweep_staging(const Branch& branch);

// --- whiteouts
// Makes the inode that the whiteouts of a branch share, if the branch has none: then a whiteout costs no inode, and can be
// made when none is left. Errors are ignored: a whiteout is tried again when it is needed.
void prepare_whiteouts(const Branch& branch);
// Makes the whiteout of `name` in `dir`, a directory of `branch`: a hard link of the branch's `.wh..wh.aufs`, as AUFS does;
// a file of its own where links cannot be had or are not wanted (nolwh). EEXIST counts as success.
Status make_whiteout(Engine& engine, BranchIndex branch, int dir, const std::string& name);
Status remove_whiteout(int dir, const std::string& name);
// Makes `dir`, a directory of `branch`, opaque.
Status make_opaque(Engine& engine, BranchIndex branch, int dir);

}  // namespace aufs
