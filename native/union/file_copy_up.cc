// SPDX-License-Identifier: MIT
#include "union/file_copy_up.h"

#include <dirent.h>
#include <fcntl.h>

#include <array>
#include <optional>
#include <span>

#include "base/scope_exit.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/copy_up.h"
#include "union/dir_merge.h"
#include "union/inode_flags.h"
#include "union/lookup.h"
#include "union/metadata.h"
#include "union/open_file.h"
#include "union/staging.h"

namespace aufs {
namespace {

// Of a block that is written in part the kernel reads the rest from disk, for a clone has none of the pages that it has of the original. A whole
// block is written with what it holds already, which only dirties a page: that is shared on disk until its own block is written, and unshared soon in
// any case. Of the last one reading begins at least. Nothing is said of failure: the write itself would tell.
void prepare_block(int original, int clone, off_t at, off_t length, off_t size) {
  std::array<std::byte, 4096> bytes{};
  const auto whole = static_cast<std::size_t>(length);
  if (at + length > size || whole > bytes.size()) {
    sys::will_need(clone, at, length);
    return;
  }
  const Result<std::size_t> got = sys::pread(original, std::span(bytes).first(whole), at);
  if (got && *got == whole) [[maybe_unused]]
    const Result<std::size_t> put = sys::pwrite(clone, std::span(bytes).first(whole), at);
}

void prepare_write(int original, int clone, const struct stat& st, Range soon) {
  const off_t begin = soon.begin < 0 ? st.st_size : soon.begin;  // an append
  const off_t end = begin + (soon.end - soon.begin);
  const off_t block = st.st_blksize;
  const auto prepare = [&](off_t part) {
    const off_t at = part - part % block;
    if (part % block != 0 && at < st.st_size) prepare_block(original, clone, at, block, st.st_size);
  };
  if (begin == end) return;
  prepare(begin);
  if (begin % block == 0 || begin / block != end / block) prepare(end);
}

}  // namespace

Status FileCopyUp::run(const CopyWanted& wanted) {
  AUFS_CHECK(look());
  AUFS_CHECK(stage(wanted));
  return left_behind_ ? ok() : name_staged();
}

Status FileCopyUp::look() {
  {
    const std::shared_lock guard(node_->state);
    AUFS_TRY(from_, locate(engine_, node_));
    origin_ = node_->branch;
    if (node_->rare().lent) return Error{EBUSY, "copy_up"};
  }
  struct timespec birth {};
  AUFS_TRY(stat_, sys::stat_with_birth(from_.fd, from_.leaf(), &birth, &protection_));
  AUFS_TRY(upper_, dir_fd(engine_, target_.parent ? target_.parent : engine_.root, to_));
  return ok();
}

bool FileCopyUp::is_plain_file() const {
  return S_ISREG(stat_.st_mode) && stat_.st_nlink == 1 && !protection_.append_only && target_.parent;
}

Status FileCopyUp::finish(PartialCopy& partial) {
  stat_ = partial.lower();
  origin_ = partial.origin();
  outcome_ = partial.outcome();
  AUFS_TRY(upper_, dir_fd(engine_, target_.parent ? target_.parent : engine_.root, to_));
  const Result<sys::Protection> protection = sys::protection_of(partial.source(), "");
  copy_ = &partial.staged();
  AUFS_CHECK(publish());
  if (protection && protection->append_only) keep_append_only(engine_, node_);
  return ok();
}

Status FileCopyUp::stage(const CopyWanted& wanted) {
  if (!S_ISREG(stat_.st_mode)) return stage_special();
  const bool whole = wanted.size == kWholeFile || wanted.size >= stat_.st_size;
  const bool durable = engine_.options.sync_copy_up;
  AUFS_TRY(UniqueFd source, open_for_reading(from_, true));
  AUFS_TRY(StagedFile copy, StagedFile::create(engine_, to_, upper_->get(), stat_.st_mode & 0777));
  if (wanted.behind && whole && may_be_behind(source.get())) {
    AUFS_CHECK(leave_behind(source, copy));
    if (left_behind_) return ok();
  }
  if (outcome_.method != CopyMethod::kReflink) {
    const SmallFiles small = durable ? SmallFiles::kShared : SmallFiles::kCopied;
    AUFS_TRY(outcome_, copy_data(source.get(), copy.fd(), stat_, whole ? stat_.st_size : wanted.size, small));
    if (durable && outcome_.bytes > 0) copy.begin_to_settle(outcome_.method);
  }
  // Before the attributes, which a write changes.
  const bool is_flushed = durable && !copy.keeps_order();
  if (outcome_.method == CopyMethod::kReflink && !is_flushed)
    prepare_write(source.get(), copy.fd(), stat_, wanted.soon);
  AUFS_CHECK(copy_metadata(Place::borrowed(source.get()), stat_, Place::borrowed(copy.fd()), copy.made()));
  copy_ = &made_.emplace(std::move(copy));
  return ok();
}

Status FileCopyUp::settle() const {
  const bool needed = engine_.options.sync_copy_up && outcome_.bytes > 0;
  return copy_ != nullptr && needed ? copy_->settle(outcome_.method) : ok();
}

Status FileCopyUp::name_staged() {
  AUFS_CHECK(settle());
  const Status named = publish();
  if (copy_ == nullptr && (!named || !target_.parent)) (void)sys::unlink(staging_.get(), temporary_.c_str());
  if (!named) return named;
  // Not before: an append-only file takes no name.
  if (copy_ != nullptr && protection_.append_only) keep_append_only(engine_, node_);
  return ok();
}

// What a write takes away could come back with the rest of the copy, and an unnamed file that was linked into a group once cannot be linked
// again, should its name fail: such files are copied at once.
bool FileCopyUp::may_be_behind(int source) const {
  const std::uint64_t least = engine_.options.background_copy_up;
  if (least == 0 || static_cast<std::uint64_t>(stat_.st_size) < least) return false;
  if (!target_.parent || engine_.options.revalidate || !engine_.background.has_room()) return false;
  if ((stat_.st_mode & (S_ISUID | S_ISGID)) != 0 || stat_.st_nlink != 1) return false;
  return failed_with(sys::get_xattr(source, "", "security.capability"), ENODATA);
}

// Gives the node a copy without data, if that can be: otherwise `source` and `copy` are left for copying at once.
Status FileCopyUp::leave_behind(UniqueFd& source, StagedFile& copy) {
  AUFS_TRY(const bool shared, share_data(source.get(), copy.fd()));
  if (shared) {
    outcome_ = {CopyMethod::kReflink, static_cast<std::uint64_t>(stat_.st_size)};
    return ok();
  }
  AUFS_TRY(std::optional<RangeSet> missing, PartialCopy::data_of(source.get(), stat_.st_size));
  if (!missing || static_cast<std::uint64_t>(missing->size()) < engine_.options.background_copy_up)
    return ok();
  AUFS_CHECK(copy_metadata(Place::borrowed(source.get()), stat_, Place::borrowed(copy.fd()), copy.made()));
  // No room, or no such thing here: copying at once tells which.
  if (!PartialCopy::reserve(copy.fd(), stat_.st_size, *missing)) return ok();
  const auto partial = std::make_shared<PartialCopy>(std::move(source), std::move(copy), stat_, origin_, to_,
                                                     *std::move(missing));
  {
    const std::lock_guard guard(node_->state);
    node_->change_rare().partial = partial;
  }
  left_behind_ = true;
  return ok();
}

// Symlinks and special files are made in the staging directory and moved from there.
Status FileCopyUp::stage_special() {
  AUFS_TRY(staging_, staging_directory(engine_, to_));
  temporary_ = temporary_name(engine_);
  if (S_ISLNK(stat_.st_mode)) {
    AUFS_TRY(const std::string link, sys::readlink(from_.fd, from_.leaf()));
    AUFS_CHECK(sys::symlink(link.c_str(), staging_.get(), temporary_.c_str()));
  } else {
    AUFS_CHECK(sys::mknod(staging_.get(), temporary_.c_str(), stat_.st_mode, stat_.st_rdev));
  }
  const Status made = copy_metadata(from_, stat_, Place::borrowed(staging_.get(), temporary_));
  if (!made) (void)sys::unlink(staging_.get(), temporary_.c_str());
  return made;
}

// From here on names change: under the lock of the directory, and of the node.
Status FileCopyUp::publish() {
  if (!target_.parent) return publish_unnamed();
  const std::lock_guard dir_guard(target_.parent->dir->lock);
  AUFS_TRY(DirIndex* const index, ensure_index(engine_, target_.parent));
  {
    // link() makes an entry that was asked for: that moves the directory's time
    std::optional<KeepTimes> keep;
    if (!target_.fresh) keep.emplace(upper_->get());
    AUFS_CHECK(publish_in(*index));
  }
  if (target_.fresh) entries_changed(engine_, target_.parent, to_);
  else note_own_change(engine_, target_.parent, to_);
  return ok();
}

Status FileCopyUp::publish_in(DirIndex& index) {
  AUFS_CHECK(check_target(index));
  const std::lock_guard guard(node_->state);
  AUFS_TRY(const bool grouped, keep_group());
  ScopeExit ungroup([&] {
    if (grouped) engine_.hard_links.remove(node_->ino);
  });
  // Before it has its name: afterwards nothing may fail any more.
  AUFS_TRY(const ino_t ino, inode());
  const char* name = target_.name.c_str();
  AUFS_CHECK(copy_ != nullptr ? copy_->publish(upper_->get(), name)
                              : sys::rename(staging_.get(), temporary_.c_str(), upper_->get(), name, 0));
  if (const Status shown = show(name); !shown) return shown;
  ungroup.dismiss();
  node_->grouped = node_->grouped || grouped;
  node_->unpin();  // of the original, if it had lost the names that were known; the copy has one
  engine_.numbers.keep(engine_.branch(to_), ino, node_->ino);
  note_file(index, ino);
  move_node(ino);
  return ok();
}

// Of what takes the name.
Result<ino_t> FileCopyUp::inode() const {
  if (copy_ != nullptr) return copy_->made().st_ino;
  AUFS_TRY(const struct stat made, sys::stat_at(staging_.get(), temporary_.c_str()));
  return made.st_ino;
}

// The new name of a link() may be under a whiteout, which goes now; if it does not, the name goes again.
Status FileCopyUp::show(const char* name) {
  if (!target_.fresh) return ok();
  const Status shown = remove_whiteout(upper_->get(), target_.name);
  if (!shown) (void)sys::unlink(upper_->get(), name);
  return shown;
}

// The name must still be what it was when the copy began, or, for link(), still be free.
Status FileCopyUp::check_target(const DirIndex& index) {
  const NameEntry* const entry = index.find(target_.name);
  if (target_.fresh) {
    if (entry != nullptr && entry->visible()) return Error{EEXIST, "copy_up"};
    if (index.above(target_.name, to_) != kNoBranch) return Error{EROFS, "copy_up"};
    return index.has_whiteout(target_.name, to_) ? clear_leftover() : ok();
  }
  if (entry == nullptr || !entry->visible() || entry->top != origin_) return Error{ESTALE, "copy_up"};
  return ok();
}

// A file under its own whiteout is what a crash left of an earlier try.
Status FileCopyUp::clear_leftover() {
  const Status removed = sys::unlink(upper_->get(), target_.name.c_str());
  return failed_with(removed, ENOENT) ? ok() : removed;
}

// A file with other names below becomes a hard-link group; false if it is none.
Result<bool> FileCopyUp::keep_group() {
  // Of a file of one name nobody counts that it is gone.
  if (stat_.st_nlink == 1 && !target_.fresh) return false;
  const long mine = target_.parent && !target_.fresh ? 1 : 0;
  const long names_below =
      static_cast<long>(stat_.st_nlink) - engine_.hard_links.count_gone(node_->ino) - mine;
  if (names_below <= 0) return false;
  UniqueFd special;
  if (copy_ == nullptr) {
    AUFS_TRY(special, sys::open_at(staging_.get(), temporary_.c_str(), O_PATH | O_NOFOLLOW));
  }
  const int fd = copy_ != nullptr ? copy_->fd() : special.get();
  AUFS_CHECK(engine_.hard_links.add(engine_.branches, origin_, to_, node_->ino, stat_, names_below, fd));
  return true;
}

void FileCopyUp::note_file(DirIndex& index, ino_t ino) {
  index.put(target_.name, {to_, false, static_cast<unsigned char>(IFTODT(stat_.st_mode)), ino});
  NameList& names = node_->names;
  if (!node_->grouped) names.assign({target_.parent, target_.name});
  else if (!names.has(target_.parent, target_.name)) names.add({target_.parent, target_.name});
}

// An inode without a known name lives in its descriptor only, unless it has names below that nobody looked up yet: then
// it is a hard-link group, so that they lead to the copy.
Status FileCopyUp::publish_unnamed() {
  const std::lock_guard guard(node_->state);
  AUFS_TRY(const bool grouped, keep_group());
  Result<UniqueFd> fd = copy_ != nullptr
                            ? sys::reopen(copy_->fd(), O_PATH)
                            : sys::open_at(staging_.get(), temporary_.c_str(), O_PATH | O_NOFOLLOW);
  if (!fd) {
    if (grouped) engine_.hard_links.remove(node_->ino);
    return fd.error();
  }
  AUFS_TRY(const ino_t ino, inode());
  if (grouped) engine_.numbers.keep(engine_.branch(to_), ino, node_->ino);
  node_->grouped = grouped;
  node_->change_rare().pin = grouped ? nullptr : share(*std::move(fd));
  move_node(ino);
  return ok();
}

// Open files follow: whoever reads or writes through the node uses the copy from now on. I/O that is under way ends
// on the old descriptor, which it holds.
void FileCopyUp::move_node(ino_t ino) {
  node_->branch = to_;
  node_->backing_ino = ino;
  RareState& rare = node_->change_rare();
  rare.partial.reset();
  if (copy_ != nullptr && rare.open_count > 0) rare.backing.read = rare.backing.write = copy_->shared_fd();
  node_->tidy();
}

}  // namespace aufs
