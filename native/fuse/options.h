// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "fuse/failure.h"
#include "fuse/server.h"
#include "union/branch.h"
#include "union/policy.h"

namespace aufs::fuse {

// From how many bytes of data on a file is copied up behind who changes it; docs/performance.md has the measurement.
inline constexpr std::uint64_t kBackgroundCopyUp = 8ULL << 20;

// Everything that the command line says, with its defaults.
struct Options {
  std::vector<BranchSpec> branches;  // topmost first
  std::string target;
  std::string fsname = "node-aufs";  // shown as the source of the mount
  bool foreground = false;           // stay attached to the terminal
  int control_fd = -1;               // -1: none
  bool help = false;
  bool version = false;

  bool read_only = false;
  bool dirren = true;
  bool is_volatile = false;
  std::uint64_t background_copy_up = kBackgroundCopyUp;  // bytes; 0: never
  bool revalidate = false;                               // udba=reval, notify
  bool show_whiteouts = false;
  bool always_opaque = false;  // diropq=always
  bool dirperm1 = true;
  CreatePolicy create_policy;
  CopyUpPolicy copy_up_policy = CopyUpPolicy::kTopDownParent;
  bool nonempty = false;
  bool passthrough = true;
  bool data_at_open = true;  // small lower files
  bool list_ahead = true;    // directories
  bool open_ahead = true;    // small files
  bool birth_times = true;
  std::string chain_index;          // see UnionOptions; empty: none
  std::string write_chain_index;    // the file to be made instead of a mount; empty: none
  bool uring = true;                // FUSE over io_uring, where the kernel has it switched on
  bool near_caller = true;          // serving threads stay with a lone caller
  bool park_threads = true;         // those that the load does not need
  std::optional<bool> allow_other;  // empty: as the place of the mount asks for, see mounting.h
  unsigned threads = 0;             // 0: by the number of processors
  Timeouts timeouts;
  unsigned long mount_flags = 0;  // MS_…, MS_RDONLY included when read_only

  // With a control socket somebody else owns the server; with -f the terminal does.
  bool daemon() const noexcept { return !foreground && control_fd < 0; }
};

// Reads a command line; `arguments[0]` is the name of the program. Pure: looks at nothing but its argument.
//
// Branches come from `--branch PATH PERM`, from AUFS's `br:PATH=PERM:…` (also `br=`, `dirs=`), or from overlayfs's
// `lowerdir=A:B,upperdir=C,workdir=D`; only one of the three ways may be used. Without a PERM, AUFS's own default holds: the
// first branch is `rw` (`ro` on a read-only mount) and the others are `ro`, whose whiteouts are ignored; write `ro+wh` to
// honour them. Branches of overlayfs's words are `rw` and `ro+wh`. In a path, `\` takes the meaning of the following
// character away (`\:`, `\,`, `\=`).
//
// Fails with ERR_USAGE, naming the word that was not understood.
Outcome<Options> parse_command_line(std::span<const std::string> arguments);

std::string_view help_text() noexcept;

}  // namespace aufs::fuse
