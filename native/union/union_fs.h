// SPDX-License-Identifier: MIT
#pragma once

#include <sys/stat.h>
#include <sys/statvfs.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sys/inode_flags.h"
#include "union/branch.h"
#include "union/node_ptr.h"
#include "union/policy.h"

namespace aufs {

class OpenFile;  // one open file description; see open_file.h
using OpenFilePtr = std::shared_ptr<OpenFile>;

// Attributes as the union shows them. `st.st_ino` and `st.st_nlink` are the union's, `st.st_dev` is the backing file's.
struct Attr {
  struct stat st {};
  struct timespec btime {};    // birth time; zero where the branch's file system has none
  sys::Protection protection;  // by the flags of the backing file
  bool passing = false;  // the file is being copied behind: its ctime will move once more without a change
};

struct Found {
  NodePtr node;
  Attr attr;
};

struct Opened {
  OpenFilePtr file;
  Found found;
};

// On whose behalf a new entry is made. New entries belong to (uid, gid), except that a set-group-ID directory passes on
// its own group. The umask is that of the calling thread (umask(2)), so default ACLs work as the backing file system does them.
struct Caller {
  uid_t uid;
  gid_t gid;
};

// What setattr changes; an absent field stays.
struct SetAttr {
  std::optional<mode_t> mode;  // permission and set-id bits
  std::optional<uid_t> uid;
  std::optional<gid_t> gid;
  std::optional<off_t> size;             // bytes
  std::optional<struct timespec> atime;  // tv_nsec may be UTIME_NOW
  std::optional<struct timespec> mtime;
  bool kill_set_id = false;  // clear set-id bits and file capabilities as a write by an ordinary user does
};

struct DirEntry {
  std::string name;
  std::uint64_t ino;
  unsigned char type;  // DT_*
};

enum class CopyMethod : std::uint8_t { kNone, kReflink, kCopyFileRange, kReadWrite };
const char* name_of(CopyMethod method) noexcept;  // "none", "reflink", "copy_file_range", "read_write"

// What a change of the stack meant.
struct StackChange {
  std::vector<std::string> users;  // after EBUSY: paths that are in use, a hundred at most
  std::vector<NodePtr> touched;    // known directories whose names may be others now
};

// One finished copy_up, for whoever wants to know (statistics, tests, the demo).
struct CopyUpEvent {
  std::string path;           // relative to the union's root
  CopyMethod method;          // kNone: no data was copied (directory, symlink, empty, O_TRUNC)
  std::uint64_t bytes;        // bytes of data copied or shared; holes do not count
  std::uint64_t nanoseconds;  // whole copy_up, publishing and fsync included
};

struct UnionOptions {
  bool read_only = false;  // no branch is written, whatever its permission; nothing is locked
  std::string apart;       // as StackRules::apart; of branches that come later see check_apart()
  bool dirren = true;      // rename any directory (decision 10); false: EXDEV as AUFS
  // Branches are edited behind the union: look before each use (AUFS: udba=reval). Otherwise a second after the last look at a directory.
  bool revalidate = false;
  bool show_whiteouts =
      false;  // whiteouts are listed and can be looked at, as files of their names (AUFS: shwh)
  bool always_opaque = false;  // every new or moved directory is opaque (AUFS: diropq=always)
  CreatePolicy create_policy;  // where new entries go; matters with several writable branches only
  CopyUpPolicy copy_up_policy = CopyUpPolicy::kTopDownParent;
  bool sync_copy_up = true;  // a copy_up is on disk before it has its name; false = mounted `volatile`
  std::size_t max_cached_names = 500'000;  // bound of the look-up cache, in names
  std::size_t max_open_dirs = 0;  // bound of cached directory descriptors; 0 = a quarter of RLIMIT_NOFILE
  // A lower file with at least so many bytes of data is copied behind whoever writes to it first or changes its attributes, where it has to
  // be copied at all; 0: every file is copied before the first such call returns. Then flush() and finish_copy_ups() have to be called.
  std::uint64_t background_copy_up = 0;
  // A file with the index of the read-only branches at the bottom of the stack (write_chain_index()), which is used if it fits them;
  // empty: none.
  std::string chain_index;
  // Called on the thread that asked for the copy_up, or made it behind, directories above first; must not call the union.
  std::function<void(const CopyUpEvent&)> on_copy_up;
};

// The union of a stack of branches: one method per file-system operation, AUFS semantics, no knowledge of FUSE or Node.
//
// Thread-safe: every method may be called from any thread at any time. Lock order: node.h.
// Every method takes and gives union inodes (Node); names are single components. A name that begins ".wh." is refused
// with EPERM, as AUFS does; one longer than name_max() with ENAMETOOLONG.
// Nobody checks permissions here but the kernel: as root this class does what it is told (the FUSE mount uses
// default_permissions), otherwise branches' own permissions apply to this process.
// Methods that change anything fail with EROFS if there is no writable branch. A method that fails leaves what the union
// shows as it was. Nodes and open files may outlive the union, but nothing can be done with them then.
class UnionFs {
 public:
  // `*refusal`, where not null: what was wrong with the branches, on failure.
  static Result<std::unique_ptr<UnionFs>> open(const std::vector<BranchSpec>& branches, UnionOptions options,
                                               Refusal* refusal);
  ~UnionFs();
  UnionFs(const UnionFs&) = delete;
  UnionFs& operator=(const UnionFs&) = delete;

  NodePtr root() const;
  // Longest name in bytes that can be created: room for the whiteout prefix is kept free.
  std::size_t name_max() const noexcept;
  // The stack, topmost first, as it is now.
  std::vector<BranchSpec> branches() const;
  // True if anything can be written.
  bool writable() const;
  // True if UnionOptions::chain_index was found to be of these branches and nothing has told otherwise since.
  bool uses_chain_index() const;
  // True if it was used, and a branch was found not to be as it says.
  bool has_wrong_chain_index() const;

  // --- looking
  // "." and ".." are answered too (the root's parent is the root). Errors: ENOENT, ENOTDIR, EPERM, ENAMETOOLONG.
  Result<Found> lookup(const NodePtr& parent, std::string_view name);
  // The node of a file in a read-only branch that was looked up by this name before and is alive; null for all others. No system call is
  // made for it.
  NodePtr known_lower(const NodePtr& parent, const std::string& name);
  Result<Attr> getattr(const NodePtr& node);
  Result<std::string> readlink(const NodePtr& node);
  // All names of a directory, each once, without "." and ".."; a snapshot.
  Result<std::vector<DirEntry>> readdir(const NodePtr& dir);
  // True if what was found a moment ago can only be the same now: a file of one name in a read-only branch. Not if branches are edited
  // behind the union (UnionOptions::revalidate).
  bool still_holds(const Found& found);
  // True if that, and if opening it for reading leaves it there (AUFS: coo_*).
  bool stays_when_opened(const Found& found);
  // False if the directory was changed behind the union since this was last asked (noticed a second late at most, see UnionOptions):
  // a listing kept from before is wrong.
  bool is_listing_kept(const NodePtr& dir);
  Result<struct statvfs> statfs();
  // f_type of statfs(2) of the branch that statfs() tells of.
  Result<long> file_system_magic();
  // The branch that the node's data (or topmost directory) is in.
  BranchIndex branch_of(const NodePtr& node) const;
  // Absolute path of the branch's directory as it is now, wherever it was moved. Needs /proc.
  Result<std::string> branch_path(BranchIndex branch) const;
  // st_ino of the node, constant for its life.
  static std::uint64_t inode_number(const NodePtr& node);
  // What whoever serves the union calls the node: 0 until he says otherwise. Guarded by him.
  static std::uint64_t& number_of_front(const NodePtr& node);
  // True for a directory that was removed or replaced, whose name names_of() still tells, and for a file whose last link went
  // through this union.
  static bool is_removed(const NodePtr& node);
  // The node with that inode number, if it is alive; null otherwise.
  NodePtr find_node(std::uint64_t ino) const;
  // The names of a node that were looked up and are still there.
  std::vector<std::pair<NodePtr, std::string>> names_of(const NodePtr& node) const;
  // The same, told one by one with the inode number of the directory; `told` must not call the union.
  static void each_name(const NodePtr& node,
                        const std::function<void(std::uint64_t parent, const std::string& name)>& told);
  // What access(2) says to the calling thread (see sys::ActAs) of the directory in each branch, not of what the union shows only
  // (AUFS: nodirperm1). Errors: EACCES; ENOSYS before Linux 5.8.
  Status access_layers(const NodePtr& dir, int mode);
  // Path relative to the root ("" for the root itself), by any one of the node's names. Errors: ENOENT if it has none left.
  Result<std::string> path_of(const NodePtr& node);

  // --- changing names
  Result<Found> mknod(const NodePtr& parent, std::string_view name, mode_t mode, dev_t rdev, Caller caller);
  Result<Found> mkdir(const NodePtr& parent, std::string_view name, mode_t mode, Caller caller);
  Result<Found> symlink(const NodePtr& parent, std::string_view name, const std::string& target,
                        Caller caller);
  Result<Found> link(const NodePtr& node, const NodePtr& parent, std::string_view name);
  Status unlink(const NodePtr& parent, std::string_view name);
  Status rmdir(const NodePtr& parent, std::string_view name);
  // flags: 0, RENAME_NOREPLACE or RENAME_EXCHANGE of renameat2(2); anything else is EINVAL.
  Status rename(const NodePtr& parent, std::string_view name, const NodePtr& new_parent,
                std::string_view new_name, unsigned flags);

  // --- changing attributes
  // Returns the attributes afterwards. All opens of the node see the change.
  Result<Attr> setattr(const NodePtr& node, const SetAttr& change);
  Result<std::string> getxattr(const NodePtr& node, const std::string& name);
  // NUL-separated list as listxattr(2) gives it.
  Result<std::string> listxattr(const NodePtr& node);
  // flags: XATTR_CREATE, XATTR_REPLACE.
  Status setxattr(const NodePtr& node, const std::string& name, std::string_view value, int flags);
  Status removexattr(const NodePtr& node, const std::string& name);

  // What chattr(1) changes (FS_*_FL, struct fsxattr), of regular files and directories. Errors: as the branch's file system has it.
  Result<std::uint32_t> flags_of(const NodePtr& node);
  Status set_flags(const NodePtr& node, std::uint32_t flags);
  Result<sys::ExtendedFlags> extended_flags_of(const NodePtr& node);
  Status set_extended_flags(const NodePtr& node, const sys::ExtendedFlags& flags);

  // --- open files
  // flags: O_ACCMODE, O_TRUNC, O_APPEND, O_DIRECT, O_NOATIME count; the rest is ignored. Opening for writing copies nothing up (the first
  // write does), except O_TRUNC, which makes an empty file in the writable branch at once. Errors: EISDIR, ELOOP for a
  // symlink, EROFS, ENXIO for a device, fifo or socket, those of open(2).
  Result<OpenFilePtr> open(const NodePtr& node, int flags);
  // With O_EXCL absent from flags, an existing file is opened. Errors: EEXIST, EISDIR and those of open().
  Result<Opened> create(const NodePtr& parent, std::string_view name, int flags, mode_t mode, Caller caller);
  // An unnamed file in `parent`'s file system; link() gives it a name. Errors: EOPNOTSUPP where the branch cannot.
  Result<Opened> tmpfile(const NodePtr& parent, int flags, mode_t mode, Caller caller);
  Result<std::size_t> read(const OpenFilePtr& file, std::span<std::byte> into, off_t offset);
  // Appends when the file was opened with O_APPEND and `offset` is < 0.
  Result<std::size_t> write(const OpenFilePtr& file, std::span<const std::byte> from, off_t offset);
  Status fsync(const OpenFilePtr& file, bool data_only);
  Status fsyncdir(const NodePtr& dir);
  // For close(2): waits until the file is no more copied behind. Errors: those of the copy_up, which can be tried again; until then what was
  // written is seen in this union only.
  Status flush(const OpenFilePtr& file);
  // True if closing the file needs flush(): it may be copied behind before that, or is already.
  bool needs_flush(const OpenFilePtr& file);
  Status fallocate(const OpenFilePtr& file, int mode, off_t offset, off_t length);
  // whence: SEEK_DATA or SEEK_HOLE.
  Result<off_t> seek(const OpenFilePtr& file, off_t offset, int whence);
  Result<std::size_t> copy_range(const OpenFilePtr& from, off_t from_offset, const OpenFilePtr& to,
                                 off_t to_offset, std::size_t length);
  // Whether the data in the writable branch is open for writing, or mapped so, be it by whom it may.
  Result<bool> has_writers(const NodePtr& node);
  // The node that a file was opened on.
  static NodePtr node_of(const OpenFilePtr& file);
  // A descriptor of the data where it stays for good, opened O_RDWR where that is allowed, valid as long as `file` lives: for FUSE
  // passthrough. Empty when the data is in a read-only branch and could still be copied up, or is no more than `small` bytes. From then on
  // until the last close of the file its data is not moved: what would have to fails with EBUSY.
  std::optional<int> passthrough_fd(const OpenFilePtr& file, off_t small = 0);

  // The whole data of a file in a read-only branch, in `into`; nothing if the data is elsewhere, does not fit or cannot be read.
  std::span<const std::byte> small_lower_data(const OpenFilePtr& file, std::span<std::byte> into);
  // Calls `work` if the data is in a read-only branch. It is not written to through this union before that returns.
  void while_lower(const OpenFilePtr& file, const std::function<void()>& work);

  // Makes sure that node is in the writable branch. Nothing happens if it already is.
  Status copy_up(const NodePtr& node);
  // The same for several, one after the other, which costs less for small files of one directory. `done` is told, on this thread, of each that
  // is there by its place, and says whether to go on; it must not call the union. After a failure nothing more is begun: it is of the first that `done`
  // was not told of.
  Status copy_up(std::span<const NodePtr> nodes, const std::function<bool(std::size_t place)>& done);
  // Waits until no file is copied behind any more. To be called before the union is closed, which drops what is not copied.
  Status finish_copy_ups();
  // Flushes everything that was written through this union to disk (syncfs(2) of the writable branches).
  Status sync();
  // Gives every pending hard-link group its remaining names in the writable branch, so that the branch alone
  // tells the whole change (AUFS: auplink flush). Cost: a walk over the union if there are such groups, else nothing.
  Status flush_hard_links();

  // --- the stack, while the union is in use. Open files stay what they are. Every call waits for those that run, and lets none
  // begin. Cost: a pass over the known inodes, and one over the known directories that the branch is part of.
  // Puts a branch at position `at` (0: topmost, their number: below all). Errors: EINVAL (no such position; nested or
  // duplicate branches), ENOENT, ENOTDIR, EBUSY (another union writes to it).
  Status insert_branch(std::size_t at, const BranchSpec& spec, StackChange& change,
                       Refusal* refusal = nullptr);
  // Takes out the branch that is the directory at `path`. Errors: ENOENT if no branch is; EINVAL for the last one; EBUSY if a file in it is open or
  // one of the directories `held` is in no other branch.
  Status remove_branch(const std::string& path, const std::vector<NodePtr>& held, StackChange& change);
  // Gives it another permission; files open for writing in a branch that becomes read-only fail with EROFS, or are copied up,
  // at their next write. Errors: ENOENT; EROFS on a read-only union; EBUSY if another union writes to it, or if a file is
  // written past this class (passthrough_fd()).
  Status change_branch(const std::string& path, const BranchPerm& perm, StackChange& change);

  class Impl;  // the parts of the engine see this, the fronts do not

 private:
  explicit UnionFs(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace aufs
