// SPDX-License-Identifier: MIT
// node-aufs-fuse: serves a union of directories over FUSE. See --help, and docs/cli.md.
#include <signal.h>

#include <cerrno>
#include <cstdio>
#include <string>
#include <vector>

#include "fuse/control.h"
#include "fuse/mounting.h"
#include "fuse/options.h"
#include "fuse/supervisor.h"
#include "sys/limits.h"
#include "sys/process_control.h"
#include "union/chain_index.h"
#include "union/chain_index_writer.h"

#ifndef NODE_AUFS_VERSION
#define NODE_AUFS_VERSION "0.0.0-development"
#endif

namespace aufs::fuse {
namespace {

// The number after --control-fd, whatever else is wrong with the command line: an owner that listens is to be told.
int control_fd_of(const std::vector<std::string>& arguments) {
  for (std::size_t at = 0; at + 1 < arguments.size(); ++at) {
    if (arguments[at] != "--control-fd") continue;
    const std::string& number = arguments[at + 1];
    const bool plain =
        !number.empty() && number.size() < 7 && number.find_first_not_of("0123456789") == std::string::npos;
    if (plain && sys::is_open(std::stoi(number))) return std::stoi(number);
  }
  return -1;
}

int refuse(const std::vector<std::string>& arguments, const Failure& failure) {
  (void)std::fprintf(stderr, "node-aufs-fuse: %s: %s\n", failure.code, failure.message.c_str());
  Control(control_fd_of(arguments)).send(failure_line(failure));
  return failure.exit_code();
}

int write_index(const std::vector<std::string>& arguments, const Options& options) {
  const std::vector<BranchSpec> chain(options.branches.begin() + chain_base(options.branches),
                                      options.branches.end());
  const std::string what = "cannot make the chain index '" + options.write_chain_index + "'";
  if (chain.empty())
    return refuse(arguments, {"ERR_USAGE", EINVAL, what + ": the lowest branch is writable", ""});
  const Status written = write_chain_index(chain, options.write_chain_index, [] { return false; });
  if (written) return 0;
  const Error error = written.error();
  return refuse(arguments,
                {"ERR_CHAIN_INDEX", error.code, what + reason_of(error.code) + " (" + error.syscall + ")",
                 options.write_chain_index});
}

int run(const std::vector<std::string>& arguments) {
  const Outcome<Options> options = parse_command_line(arguments);
  if (!options) return refuse(arguments, options.failure());
  if (options->help) return std::fputs(std::string(help_text()).c_str(), stdout) < 0 ? 1 : 0;
  if (options->version) return std::puts("node-aufs-fuse " NODE_AUFS_VERSION) < 0 ? 1 : 0;
  if (!options->write_chain_index.empty()) return write_index(arguments, *options);
  if (options->control_fd >= 0 && !sys::close_on_exec(options->control_fd)) {
    return refuse(arguments, {"ERR_USAGE", EBADF,
                              "--control-fd " + std::to_string(options->control_fd) + " is not open", ""});
  }
  sys::ignore_signal(SIGPIPE);
  // of a lease that is broken (sys::has_writers)
  sys::ignore_signal(SIGIO);
  sys::raise_open_file_limit();  // every file that is open on the mount is open here too
  remove_dead_mount(options->target);
  return options->daemon() ? run_as_daemon(*options) : run_supervised(*options, UniqueFd());
}

}  // namespace
}  // namespace aufs::fuse

int main(int argc, char** argv) {
  return aufs::fuse::run({argv, argv + argc});
}
