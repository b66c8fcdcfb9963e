// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace aufs::sys {

struct RunningProcess {
  pid_t pid;
  std::string command_line;  // words, each ended by a NUL; empty if this user may not see it
};

// The processes whose program's name begins with `name`, of at most 15 bytes, as far as /proc shows them. The command line of others is
// not touched: it is memory of the process, and reading it can wait for one that hangs.
Result<std::vector<RunningProcess>> processes_named(std::string_view name);

}  // namespace aufs::sys
