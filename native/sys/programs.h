// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "sys/process_control.h"

// Starting other programs: by posix_spawn(3), for which this process is not copied, however large it is.
namespace aufs::sys {

struct Finished {
  Exit exit;
  std::string errors;
};
// Runs `arguments` (found in PATH) with `extra_environment` ("NAME=value") and waits. Everything that it writes to stderr is
// given back; `keep` stays open in it under the same number (-1: none). Errors: ENOENT if there is no such program.
Result<Finished> run_program(const std::vector<std::string>& arguments, const std::string& extra_environment,
                             int keep);

struct Started {
  pid_t process;     // whose end somebody has to wait for
  UniqueFd control;  // the other end of its descriptor 3, a stream socket
  UniqueFd errors;   // the reading end of its stderr
};
// Starts `arguments`, whose first is the program's path, with `environment` and nothing else, in a session of its own: it reads nothing,
// what it prints is thrown away, no signal is blocked or ignored.
// Errors: ENOENT, EACCES, ENOEXEC of the program; EMFILE, ENFILE; EAGAIN, ENOMEM. Thread-safe.
Result<Started> start_program(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment);

}  // namespace aufs::sys
