// SPDX-License-Identifier: MIT
#pragma once

#include "base/unique_fd.h"
#include "fuse/options.h"

namespace aufs::fuse {

// Mounts, serves until the mount or its owner is gone, and cleans up; the exit code of the process. `link` is the socket to
// the supervisor (link.h). Signals SIGTERM, SIGINT and SIGHUP must be blocked.
int run_worker(const Options& options, UniqueFd link);

}  // namespace aufs::fuse
