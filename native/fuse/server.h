// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

#include "fuse/files_ahead.h"
#include "fuse/handles.h"
#include "fuse/handshake.h"
#include "fuse/io_modes.h"
#include "fuse/listing_ahead.h"
#include "fuse/mapped_files.h"
#include "fuse/node_table.h"
#include "fuse/protocol.h"
#include "fuse/reply.h"
#include "fuse/spare_memory.h"
#include "union/union_fs.h"

namespace aufs::fuse {

// Seconds that the kernel may trust what it was told. Long, because only this server changes its branches.
struct Timeouts {
  double entry = 3600;
  double attr = 3600;
  double negative = 3600;
};

// What one mount is to be like.
struct MountSettings {
  std::string target;  // the mountpoint, absolute
  Timeouts timeouts;
  bool revalidate = false;   // branches are edited behind the union: nothing may be remembered
  bool data_at_open = true;  // the kernel is given the data of a small lower file along with its first open
  bool list_ahead = true;    // the directory that will be listed next is read before
  bool open_ahead = true;    // and so are small files of it, where those of the last one were opened
  bool birth_times = true;   // files have them, which the kernel asks for by themselves
  bool dirperm1 = true;  // only what the union shows decides who may use a directory, as the kernel checks it
};

// Everything that the handlers of one mount share. Each member is thread-safe by itself.
struct Server {
  Server(UnionFs& union_fs, MountSettings wanted, Negotiated settled, BackingRegistry* registry,
         const char* why_not)
      : fs(union_fs),
        settings(std::move(wanted)),
        timeouts(settings.timeouts),
        negotiated(settled),
        nodes(union_fs),
        modes(registry, why_not),
        ahead(union_fs, nodes, settings.list_ahead && !settings.revalidate),
        files_ahead(union_fs, nodes, modes, settings.open_ahead && gives_data()) {}

  UnionFs& fs;
  const MountSettings settings;
  const Timeouts timeouts;
  const Negotiated negotiated;
  NodeTable nodes;
  HandleTable<FileHandle> files;
  HandleTable<DirHandle> dirs;
  IoModes modes;
  MappedFiles mapped;
  SpareMemory spare;
  ListingAhead ahead;
  FilesAhead files_ahead;

  bool gives_data() const { return settings.data_at_open && !settings.revalidate; }

  // Seconds that the kernel may trust attributes of this file.
  double attr_seconds(std::uint64_t nodeid) const { return mapped.has(nodeid) ? 0 : timeouts.attr; }

  // Takes `count` look-ups back; with the last of them goes what was known of the inode.
  void forget(std::uint64_t nodeid, std::uint64_t count) {
    if (!nodes.forget(nodeid, count)) return;
    modes.forget(nodeid);
    mapped.forget(nodeid);
    spare.count_forgotten();
  }
};

// One request on its way through a handler.
struct Call {
  Server& server;
  const Request& request;
  Reply& reply;
  int device;  // of the connection, for what is told unasked
  std::span<std::byte>
      scratch;  // for large replies; lies over `request.data`, so of use to requests without data only
};

}  // namespace aufs::fuse
