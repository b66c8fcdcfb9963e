// SPDX-License-Identifier: MIT
#include "union/chain_index.h"

#include <algorithm>
#include <limits>

#include "sys/file_io.h"
#include "sys/process_control.h"

namespace aufs {
namespace {

using namespace chain_format;

constexpr std::int64_t kSecond = 1'000'000'000;

// `count` things of type T from `at` on, if the file has them.
template <typename T>
std::optional<std::span<const T>> part(std::span<const std::byte> file, std::uint64_t at,
                                       std::uint64_t count) {
  if (at % alignof(T) != 0 || at > file.size() || count > (file.size() - at) / sizeof(T)) return std::nullopt;
  return std::span(reinterpret_cast<const T*>(file.data() + at), static_cast<std::size_t>(count));
}

bool is_sound(const ChainIndex::Directory& directory, const Header& header, const Entry& entry) {
  const std::uint64_t traces = directory.traces.size();
  return entry.name <= directory.names.size() && entry.name_size <= directory.names.size() - entry.name &&
         entry.name_size > 0 && entry.first_trace <= traces && entry.traces <= traces - entry.first_trace &&
         entry.top >= -1 && entry.top < static_cast<std::int64_t>(header.layers) &&
         (entry.top >= 0 || entry.traces > 0) &&
         (entry.directory == kNone || entry.directory < header.directories);
}

bool is_sound(const ChainIndex::Directory& directory, const Header& header) {
  const auto in_chain = [&](const auto& item) { return item.layer < header.layers; };
  return std::all_of(directory.layers.begin(), directory.layers.end(), in_chain) &&
         std::all_of(directory.traces.begin(), directory.traces.end(), in_chain) &&
         std::all_of(directory.entries.begin(), directory.entries.end(),
                     [&](const Entry& entry) { return is_sound(directory, header, entry); });
}

// FNV-1a: told apart is all that the maps need to be.
std::uint64_t add_to_hash(std::uint64_t hash, std::span<const std::byte> bytes) {
  for (const std::byte byte : bytes) hash = (hash ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001B3ULL;
  return hash;
}

bool same(const LayerId& a, const LayerId& b) {
  return a.ino == b.ino && a.birth == b.birth && a.changed == b.changed && a.modified == b.modified &&
         a.uid == b.uid && a.gid == b.gid && a.whiteouts == b.whiteouts;
}

}  // namespace

std::optional<std::int64_t> to_nanoseconds(const struct timespec& time) {
  if (time.tv_sec >= std::numeric_limits<std::int64_t>::max() / kSecond ||
      time.tv_sec <= std::numeric_limits<std::int64_t>::min() / kSecond)
    return std::nullopt;
  return time.tv_sec * kSecond + time.tv_nsec;
}

struct timespec from_nanoseconds(std::int64_t time) {
  // Before 1970 the nanoseconds still count forwards.
  std::int64_t seconds = time / kSecond;
  if (time % kSecond < 0) --seconds;
  return {seconds, time - seconds * kSecond};
}

std::uint64_t user_map() {
  std::uint64_t hash = 0xCBF29CE484222325ULL;
  for (const char* path : {"/proc/self/uid_map", "/proc/self/gid_map"}) {
    const Result<std::string> text = sys::read_text(path);
    if (text) hash = add_to_hash(hash, std::as_bytes(std::span(*text)));
  }
  return hash;
}

Result<LayerId> identify(const Branch& branch) {
  struct timespec birth {};
  AUFS_TRY(const struct stat st, sys::stat_with_birth(branch.root.get(), "", &birth));
  const auto born = to_nanoseconds(birth);
  const auto changed = to_nanoseconds(st.st_ctim);
  const auto modified = to_nanoseconds(st.st_mtim);
  if (!born || !changed || !modified) return Error{ERANGE, "chain_index"};
  return LayerId{st.st_ino, *born, *changed, *modified, st.st_uid, st.st_gid, branch.perm.whiteouts ? 1U : 0U,
                 0};
}

BranchIndex chain_base(const std::vector<BranchSpec>& stack) {
  const auto writable = std::find_if(stack.rbegin(), stack.rend(),
                                     [](const BranchSpec& branch) { return branch.perm.writable; });
  return static_cast<BranchIndex>(stack.rend() - writable);
}

Attr attributes_of(const Entry& entry, dev_t device) {
  Attr attr;
  attr.st.st_dev = device;
  attr.st.st_ino = entry.ino;
  attr.st.st_mode = entry.mode;
  attr.st.st_nlink = entry.links;
  attr.st.st_uid = entry.uid;
  attr.st.st_gid = entry.gid;
  const bool is_device = S_ISCHR(entry.mode) || S_ISBLK(entry.mode);
  attr.st.st_rdev = is_device ? entry.size : 0;
  attr.st.st_size = is_device ? 0 : static_cast<off_t>(entry.size);
  attr.st.st_blksize = static_cast<blksize_t>(entry.block_size);
  attr.st.st_blocks = entry.blocks;
  attr.st.st_atim = from_nanoseconds(entry.accessed);
  attr.st.st_mtim = from_nanoseconds(entry.modified);
  attr.st.st_ctim = from_nanoseconds(entry.changed);
  attr.btime = from_nanoseconds(entry.birth);
  attr.protection = {entry.immutable != 0, entry.append_only != 0};
  return attr;
}

bool is_unchanged(const Entry& entry, const struct stat& st) {
  return st.st_ino == entry.ino && static_cast<std::uint64_t>(st.st_size) == entry.size &&
         to_nanoseconds(st.st_mtim) == entry.modified && to_nanoseconds(st.st_ctim) == entry.changed;
}

const Header& ChainIndex::header() const {
  return *reinterpret_cast<const Header*>(file_.bytes().data());
}

bool ChainIndex::is_whole() const {
  const auto head = part<Header>(file_.bytes(), 0, 1);
  if (!head) return false;
  const Header& header = head->front();
  return header.magic == kMagic && header.byte_order == kByteOrder && header.size == file_.bytes().size() &&
         header.directories > 0 && part<LayerId>(file_.bytes(), sizeof(Header), header.layers) &&
         part<std::uint64_t>(file_.bytes(), header.table, header.directories);
}

Result<std::unique_ptr<ChainIndex>> ChainIndex::open(const char* path, const std::vector<Branch>& stack) {
  AUFS_TRY(sys::MappedFile file, sys::map_own_file(path));
  std::unique_ptr<ChainIndex> index(new ChainIndex(std::move(file), 0));
  if (!index->is_whole()) return Error{EINVAL, "chain_index"};
  const std::uint32_t layers = index->header().layers;
  if (layers == 0 || layers > stack.size() || index->header().user_map != user_map())
    return Error{ESTALE, "chain_index"};
  index->base_ = static_cast<BranchIndex>(stack.size() - layers);
  const auto known = *part<LayerId>(index->file_.bytes(), sizeof(Header), layers);
  for (std::uint32_t i = 0; i < layers; ++i) {
    const Branch& branch = stack[static_cast<std::size_t>(index->base_) + i];
    AUFS_TRY(const LayerId now, identify(branch));
    if (branch.perm.writable || !same(known[i], now)) return Error{ESTALE, "chain_index"};
  }
  return index;
}

// Where the directory is told of; null: nowhere in the file.
const Block* ChainIndex::block(std::uint32_t number) const {
  if (number >= header().directories) return nullptr;
  const auto table = *part<std::uint64_t>(file_.bytes(), header().table, header().directories);
  const auto head = part<Block>(file_.bytes(), table[number], 1);
  return head ? head->data() : nullptr;
}

std::span<const Entry> ChainIndex::entries(std::uint32_t number) const {
  const Block* const head = block(number);
  if (head == nullptr) return {};
  const auto at =
      static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(head + 1) - file_.bytes().data());
  const std::uint64_t before = sizeof(BlockLayer) * head->layers + sizeof(BlockTrace) * head->traces;
  return part<Entry>(file_.bytes(), at + before, head->entries).value_or(std::span<const Entry>());
}

std::optional<ChainIndex::Directory> ChainIndex::directory(std::uint32_t number) const {
  const std::span<const std::byte> bytes = file_.bytes();
  const Block* const head = block(number);
  if (head == nullptr) return std::nullopt;
  const Block& block = *head;
  if (block.opaque < -1 || block.opaque >= static_cast<std::int64_t>(header().layers)) return std::nullopt;
  auto at = static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(head) - bytes.data());
  const auto layers = part<BlockLayer>(bytes, at += sizeof(Block), block.layers);
  const auto traces = part<BlockTrace>(bytes, at += sizeof(BlockLayer) * block.layers, block.traces);
  const auto entries = part<Entry>(bytes, at += sizeof(BlockTrace) * block.traces, block.entries);
  const auto names = part<char>(bytes, at += sizeof(Entry) * block.entries, block.names);
  if (!layers || !traces || !entries || !names) return std::nullopt;
  const Directory directory{static_cast<BranchIndex>(block.opaque), *layers, *traces, *entries,
                            std::string_view(names->data(), names->size())};
  return is_sound(directory, header()) ? std::optional(directory) : std::nullopt;
}

}  // namespace aufs
