// SPDX-License-Identifier: MIT
// Directories. An offset is the position in the handle's snapshot: 0 is ".", 1 is "..", the names follow; what a listing
// returns as `off` of an entry is the position of the next one.
#include <dirent.h>
#include <unistd.h>

#include "fuse/convert.h"
#include "fuse/dirent_writer.h"
#include "fuse/operations.h"

namespace aufs::fuse {
namespace {

enum class Listing { kPlain, kWithAttributes };

Result<std::shared_ptr<DirHandle>> dir_of(Call& call, std::uint64_t fh) {
  std::shared_ptr<DirHandle> handle = call.server.dirs.get(fh);
  if (handle == nullptr) return Error{EBADF, "fuse"};
  return handle;
}

// Appends "." or "..", which never carry attributes: the kernel would take them for children.
Result<bool> add_dots(Call& call, const NodePtr& dir, std::uint64_t position, Listing listing,
                      DirentWriter& writer) {
  const bool self = position == 0;
  ino_t ino = 0;
  if (self) {
    AUFS_TRY(const Attr attr, call.server.fs.getattr(dir));
    ino = attr.st.st_ino;
  } else if (const Result<Found> parent = call.server.fs.lookup(dir, "..")) {
    ino = parent->attr.st.st_ino;
  }
  const DirEntry entry{self ? "." : "..", ino, DT_DIR};
  return listing == Listing::kPlain ? writer.add(entry, position + 1)
                                    : writer.add_without_attributes(entry, position + 1);
}

// True if the kernel has the file's attributes and nothing can have changed them but a READ, which moves no access time here: programs
// that look at names that they have from elsewhere, and list directories then (git).
bool is_told(Server& server, const NodePtr& dir, const std::string& name) {
  const Timeouts lasting;
  if (server.timeouts.entry < lasting.entry || server.timeouts.attr < lasting.attr) return false;
  const NodePtr known = server.fs.known_lower(dir, name);
  return known != nullptr && server.nodes.find(known) != 0;
}

// What a look-up of the entry gives, or has given just now.
Result<Found> find_entry(UnionFs& fs, DirHandle& handle, const DirEntry& entry, std::uint64_t position) {
  Found* const known = handle.prepared.at(position - 2, entry);
  if (known != nullptr && fs.still_holds(*known)) return std::move(*known);
  return fs.lookup(handle.node, entry.name);
}

// Appends an entry with what a look-up of it gives. A name that is gone by now, or that cannot be looked up, is listed
// without. A look-up is only counted for an entry that is sent. `asked`: entries of the directory may have been looked up before.
bool add_with_attributes(Call& call, DirHandle& handle, const DirEntry& entry, std::uint64_t position,
                         bool asked, DirentWriter& writer) {
  const std::uint64_t next = position + 1;
  if (!writer.has_room_with_attributes(entry)) return false;
  Server& server = call.server;
  if (asked && is_told(server, handle.node, entry.name)) return writer.add_without_attributes(entry, next);
  const Result<Found> found = find_entry(server.fs, handle, entry, position);
  if (!found) return writer.add_without_attributes(entry, next);
  const std::uint64_t nodeid = server.nodes.remember(found->node);
  if (entry.type == DT_DIR) handle.told.push_back({entry.name, nodeid});
  if (server.files_ahead.is_suitable(*found)) handle.suitable.push_back(nodeid);
  const double attr_seconds = server.attr_seconds(nodeid);
  return writer.add_with_attributes(entry, next,
                                    to_entry(nodeid, found->attr, server.timeouts.entry, attr_seconds));
}

Status list(Call& call, Listing listing) {
  const auto in = call.request.as<wire::ReadIn>();
  AUFS_TRY(const std::shared_ptr<DirHandle> handle, dir_of(call, in.fh));
  const std::lock_guard lock(handle->mutex);
  if (in.offset == 0 || !handle->snapshot) {
    AUFS_TRY(handle->snapshot, call.server.fs.readdir(handle->node));
    handle->told.clear();
    handle->suitable.clear();
    if (listing == Listing::kWithAttributes) {
      handle->prepared = call.server.ahead.listed(call.request.header.nodeid);
    }
  }
  const std::vector<DirEntry>& names = *handle->snapshot;
  // Who comes for the end has all of it, and the kernel knows the files.
  if (in.offset == names.size() + 2) {
    call.server.files_ahead.told(call.device, std::exchange(handle->suitable, {}));
  }
  DirentWriter writer(call.scratch.first(std::min<std::size_t>(in.size, call.scratch.size())));
  const bool asked =
      listing == Listing::kWithAttributes && call.server.nodes.was_asked(call.request.header.nodeid);
  bool room = true;
  std::uint64_t position = in.offset;
  for (; room && position < 2; ++position) {
    AUFS_TRY(room, add_dots(call, handle->node, position, listing, writer));
  }
  for (; room && position - 2 < names.size(); ++position) {
    const DirEntry& entry = names[position - 2];
    room = listing == Listing::kPlain ? writer.add(entry, position + 1)
                                      : add_with_attributes(call, *handle, entry, position, asked, writer);
  }
  call.reply.send(writer.written());
  if (room) {
    call.server.ahead.told(std::exchange(handle->told, {}));
    handle->prepared = {};
  }
  return ok();
}

}  // namespace

Status on_opendir(Call& call) {
  AUFS_TRY(NodePtr node, node_of(call));
  AUFS_CHECK(check_layers(call, node, R_OK));
  const bool kept = call.server.fs.is_listing_kept(node);
  if (kept && !call.server.nodes.is_first_open(call.request.header.nodeid))
    call.server.files_ahead.listed_again(call.device, node);
  const std::uint64_t fh = call.server.dirs.add(std::make_shared<DirHandle>(std::move(node)));
  // The kernel keeps the listing and drops it by itself whenever an operation changes the directory.
  const std::uint32_t flags = wire::kOpenCacheDir | (kept ? wire::kOpenKeepCache : 0);
  const std::uint32_t cached = call.server.settings.revalidate ? 0 : flags;
  if (!call.reply.send_struct(wire::OpenOut{fh, cached, 0})) call.server.dirs.take(fh);
  return ok();
}

Status on_readdir(Call& call) {
  return list(call, Listing::kPlain);
}

Status on_readdirplus(Call& call) {
  return list(call, Listing::kWithAttributes);
}

Status on_fsyncdir(Call& call) {
  AUFS_TRY(const NodePtr node, node_of(call));
  return call.server.fs.fsyncdir(node);
}

Status on_releasedir(Call& call) {
  call.server.dirs.take(call.request.as<wire::ReleaseIn>().fh);
  return ok();
}

}  // namespace aufs::fuse
