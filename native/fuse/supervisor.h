// SPDX-License-Identifier: MIT
#pragma once

#include "base/unique_fd.h"
#include "fuse/options.h"

namespace aufs::fuse {

// Forks the worker and looks after it, so that whichever process dies, the mount goes too:
//   the worker dies        the supervisor takes the dead mount off and exits with a code other than 0;
//   the supervisor dies    the worker sees the end of their socket, unmounts and exits;
//   the owner dies         both see the end of the control socket; a worker that does not react is killed.
// `launcher`, if there is one, gets a byte when the mount is usable. To be called before any thread is started; returns the
// exit code of the process, in the worker as in the supervisor.
int run_supervised(const Options& options, UniqueFd launcher);

// Runs in the background: this process becomes the launcher, which returns when the mount is usable or has failed.
int run_as_daemon(const Options& options);

}  // namespace aufs::fuse
