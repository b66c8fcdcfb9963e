// SPDX-License-Identifier: MIT
#include "union/chain_index_writer.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <span>
#include <utility>

#include "base/scope_exit.h"
#include "sys/file_io.h"
#include "sys/names.h"
#include "union/chain_index.h"
#include "union/dir_merge.h"
#include "union/lookup.h"

namespace aufs {
namespace {

using namespace chain_format;

constexpr std::size_t kBuffer = 1 << 20;
constexpr mode_t kMode = 0600;  // it tells names of directories that may be closed to others

template <typename T>
std::string_view bytes_of(const T* first, std::size_t count) {
  return {reinterpret_cast<const char*>(first), count * sizeof(T)};
}

// Writes a file from its beginning to its end.
class Output {
 public:
  explicit Output(int fd) : fd_(fd) { buffer_.reserve(kBuffer); }

  Status add(std::string_view bytes) {
    buffer_ += bytes;
    return buffer_.size() < kBuffer ? ok() : flush();
  }
  Status flush() {
    AUFS_CHECK(sys::pwrite_all(fd_, std::as_bytes(std::span(buffer_)), static_cast<off_t>(written_)));
    written_ += buffer_.size();
    buffer_.clear();
    return ok();
  }
  std::uint64_t size() const noexcept { return written_ + buffer_.size(); }

 private:
  const int fd_;
  std::string buffer_;
  std::uint64_t written_ = 0;
};

// The parts of a block, which are gathered before it is written.
struct Parts {
  Block head{};
  std::vector<BlockLayer> layers;
  std::vector<BlockTrace> traces;
  std::vector<Entry> entries;
  std::string names;
};

Status set_times(Entry& entry, const Attr& attr) {
  const auto accessed = to_nanoseconds(attr.st.st_atim);
  const auto modified = to_nanoseconds(attr.st.st_mtim);
  const auto changed = to_nanoseconds(attr.st.st_ctim);
  const auto birth = to_nanoseconds(attr.btime);
  if (!accessed || !modified || !changed || !birth) return Error{ERANGE, "chain_index"};
  entry.accessed = *accessed;
  entry.modified = *modified;
  entry.changed = *changed;
  entry.birth = *birth;
  return ok();
}

Status set_attributes(Entry& entry, const Attr& attr) {
  const bool is_device = S_ISCHR(attr.st.st_mode) || S_ISBLK(attr.st.st_mode);
  entry.ino = attr.st.st_ino;
  entry.size = is_device ? attr.st.st_rdev : static_cast<std::uint64_t>(attr.st.st_size);
  entry.blocks = attr.st.st_blocks;
  entry.mode = attr.st.st_mode;
  entry.links = static_cast<std::uint32_t>(attr.st.st_nlink);
  entry.uid = attr.st.st_uid;
  entry.gid = attr.st.st_gid;
  entry.block_size = static_cast<std::uint32_t>(attr.st.st_blksize);
  entry.immutable = attr.protection.immutable ? 1 : 0;
  entry.append_only = attr.protection.append_only ? 1 : 0;
  return set_times(entry, attr);
}

class Writer {
 public:
  Writer(Engine& engine, int fd) : engine_(engine), out_(fd) {}

  Status write(const std::function<bool()>& cancelled, Header& header);

 private:
  struct Waiting {
    NodePtr dir;
    std::uint32_t number;
  };

  Status write_layers();
  Status write_directory(const NodePtr& dir, std::uint32_t number);
  Status add_layers(const Directory& directory, Parts& parts);
  Status add_entry(const NodePtr& dir, const std::string& name, const NameEntry& known, Parts& parts);
  Status describe(const NodePtr& dir, const std::string& name, const NameEntry& known, Entry& entry);
  Status write_block(Parts& parts);

  Engine& engine_;
  Output out_;
  std::vector<std::uint64_t> table_{0};
  std::vector<Waiting> waiting_;  // a stack: what is read next lies near what was read last
};

Status Writer::write(const std::function<bool()>& cancelled, Header& header) {
  header = {kMagic, kByteOrder, static_cast<std::uint32_t>(engine_.branches.size()), user_map(), 0, 0, 0, 0};
  AUFS_CHECK(out_.add(bytes_of(&header, 1)));
  AUFS_CHECK(write_layers());
  waiting_.push_back({engine_.root, 0});
  while (!waiting_.empty()) {
    if (cancelled()) return Error{ECANCELED, "chain_index"};
    const Waiting next = std::move(waiting_.back());
    waiting_.pop_back();
    AUFS_CHECK(write_directory(next.dir, next.number));
  }
  header.table = out_.size();
  header.directories = static_cast<std::uint32_t>(table_.size());
  AUFS_CHECK(out_.add(bytes_of(table_.data(), table_.size())));
  header.size = out_.size();
  return out_.flush();
}

Status Writer::write_layers() {
  for (const Branch& branch : engine_.branches) {
    AUFS_TRY(const LayerId id, identify(branch));
    AUFS_CHECK(out_.add(bytes_of(&id, 1)));
  }
  return ok();
}

Status Writer::write_directory(const NodePtr& dir, std::uint32_t number) {
  Parts parts;
  {
    engine_.lookup_cache.make_room();
    const std::lock_guard guard(dir->dir->lock);
    AUFS_TRY(const DirIndex* const index, ensure_index(engine_, dir));
    AUFS_CHECK(add_layers(*dir->dir, parts));
    parts.entries.reserve(index->size());
    for (const auto [name, known] : *index) AUFS_CHECK(add_entry(dir, std::string(name), known, parts));
    forget_index(engine_, dir);
  }
  table_[number] = out_.size();
  return write_block(parts);
}

Status Writer::add_layers(const Directory& directory, Parts& parts) {
  parts.head.opaque = directory.opaque;
  parts.head.subdirs = static_cast<std::uint32_t>(directory.subdirs.load());
  parts.layers.reserve(directory.stamps.size());
  for (const Stamp& stamp : directory.stamps) {
    const auto changed = to_nanoseconds(stamp.changed);
    const auto modified = to_nanoseconds(stamp.modified);
    if (!changed || !modified) return Error{ERANGE, "chain_index"};
    parts.layers.push_back({*changed, *modified, static_cast<std::uint32_t>(stamp.branch), 0});
  }
  return ok();
}

// The caller holds dir->dir->lock.
Status Writer::add_entry(const NodePtr& dir, const std::string& name, const NameEntry& known, Parts& parts) {
  Entry entry{};
  entry.name = static_cast<std::uint32_t>(parts.names.size());
  entry.name_size = static_cast<std::uint16_t>(name.size());
  parts.names += name;
  entry.top = known.top;
  entry.type = known.type;
  entry.directory = kNone;
  entry.first_trace = static_cast<std::uint32_t>(parts.traces.size());
  for (const Trace& trace : dir->dir->index->more_traces(name)) {
    parts.traces.push_back({trace.ino, static_cast<std::uint32_t>(trace.branch),
                            static_cast<std::uint8_t>(trace.whiteout ? 1 : 0), trace.type, 0});
  }
  entry.traces = static_cast<std::uint32_t>(parts.traces.size()) - entry.first_trace;
  if (known.visible()) AUFS_CHECK(describe(dir, name, known, entry));
  parts.entries.push_back(entry);
  return ok();
}

Status Writer::describe(const NodePtr& dir, const std::string& name, const NameEntry& known, Entry& entry) {
  AUFS_TRY(const SharedFd layer, dir_fd(engine_, dir, known.top));
  Attr attr;
  AUFS_TRY(attr.st, sys::stat_with_birth(layer->get(), name.c_str(), &attr.btime, &attr.protection));
  if (attr.st.st_dev != engine_.branch(known.top).dev) return Error{EXDEV, "chain_index"};
  AUFS_CHECK(set_attributes(entry, attr));
  if (!S_ISDIR(attr.st.st_mode)) return ok();
  AUFS_TRY(Found found, node_with(engine_, dir, name, known, attr));
  entry.directory = static_cast<std::uint32_t>(table_.size());
  table_.push_back(0);
  waiting_.push_back({std::move(found.node), entry.directory});
  return ok();
}

Status Writer::write_block(Parts& parts) {
  parts.names.resize((parts.names.size() + 7) / 8 * 8);
  parts.head.layers = static_cast<std::uint32_t>(parts.layers.size());
  parts.head.traces = static_cast<std::uint32_t>(parts.traces.size());
  parts.head.entries = static_cast<std::uint32_t>(parts.entries.size());
  parts.head.names = static_cast<std::uint32_t>(parts.names.size());
  AUFS_CHECK(out_.add(bytes_of(&parts.head, 1)));
  AUFS_CHECK(out_.add(bytes_of(parts.layers.data(), parts.layers.size())));
  AUFS_CHECK(out_.add(bytes_of(parts.traces.data(), parts.traces.size())));
  AUFS_CHECK(out_.add(bytes_of(parts.entries.data(), parts.entries.size())));
  return out_.add(parts.names);
}

// The directory that a file is in, and its name there.
std::pair<std::string, std::string> split_path(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {".", path};
  return {path.substr(0, slash + 1), path.substr(slash + 1)};
}

Status write_file(Engine& engine, int fd, const std::function<bool()>& cancelled) {
  AUFS_CHECK(make_root(engine));
  const ScopeExit forget([&] { engine.lookup_cache.clear(); });
  Header header{};
  AUFS_CHECK(Writer(engine, fd).write(cancelled, header));
  AUFS_CHECK(sys::pwrite_all(fd, std::as_bytes(std::span(&header, 1)), 0));
  return sys::fsync(fd);
}

}  // namespace

Status write_chain_index(const std::vector<BranchSpec>& chain, const std::string& path,
                         const std::function<bool()>& cancelled) {
  const auto [folder, name] = split_path(path);
  AUFS_TRY(const UniqueFd dir, sys::open_at(AT_FDCWD, folder.c_str(), O_PATH | O_DIRECTORY));
  AUFS_TRY(const UniqueFd fd, sys::open_at(dir.get(), ".", O_TMPFILE | O_RDWR, kMode));
  UnionOptions options;
  options.read_only = true;
  Refusal refusal;
  AUFS_TRY(std::vector<Branch> branches, open_branches(chain, {.read_only = true, .apart = {}}, refusal));
  Engine engine(std::move(branches), std::move(options));
  AUFS_CHECK(write_file(engine, fd.get(), cancelled));
  const Status removed = sys::unlink(dir.get(), name.c_str());
  if (!removed && !failed_with(removed, ENOENT)) return removed;
  // Who was first has made the same.
  const Status named = sys::link_fd(fd.get(), dir.get(), name.c_str());
  return failed_with(named, EEXIST) ? ok() : named;
}

}  // namespace aufs
