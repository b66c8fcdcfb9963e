// SPDX-License-Identifier: MIT
#include "fuse/supervisor.h"

#include <signal.h>

#include <array>
#include <cstdio>
#include <cstring>

#include "fuse/control.h"
#include "fuse/json_line.h"
#include "fuse/link.h"
#include "fuse/mount_table.h"
#include "fuse/mounting.h"
#include "fuse/worker.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

constexpr int kCrashed = 70;            // EX_SOFTWARE of sysexits.h
constexpr int kLastWarningMs = 20'000;  // for a worker whose owner is gone; more than it needs itself

int fail(const Options& options, Error error, const char* what) {
  const Failure failure{"ERR_SERVER", error.code, what + reason_of(error.code), ""};
  (void)std::fprintf(stderr, "node-aufs-fuse: %s: %s\n", failure.code, failure.message.c_str());
  if (options.control_fd >= 0) {
    [[maybe_unused]] const Status sent = sys::write_all(options.control_fd, failure_line(failure), 1000);
  }
  return failure.exit_code();
}

class Supervisor {
 public:
  Supervisor(const Options& options, pid_t worker, UniqueFd link, UniqueFd launcher, UniqueFd signals)
      : options_(options),
        worker_(worker),
        link_(std::move(link)),
        launcher_(std::move(launcher)),
        signals_(std::move(signals)) {
    if (Result<std::string> real = sys::real_path(options.target)) target_ = *std::move(real);
    if (const auto before = top_mount_on(target_)) mount_before_ = before->id;
  }

  int run() {
    const sys::Exit exit = watch();
    clean_up(exit);
    if (exit.signal == 0) return exit.code;
    report_crash(exit.signal);
    return kCrashed;
  }

 private:
  sys::Exit watch();
  bool take_signals(sys::Exit& exit);
  void take_ready();
  void clean_up(const sys::Exit& exit);
  void report_crash(int signal);

  const Options& options_;
  const pid_t worker_;
  UniqueFd link_;
  UniqueFd launcher_;
  UniqueFd signals_;
  std::string target_;
  std::uint64_t mount_before_ = 0;  // id of what was on the target before
  std::uint64_t mount_id_ = 0;      // id of our mount, once the worker has told
};

// Waits until the worker has ended.
sys::Exit Supervisor::watch() {
  enum { kSignals, kLink, kControl, kCount };
  std::array<struct pollfd, kCount> ready{};
  ready[kSignals] = {signals_.get(), POLLIN, 0};
  ready[kLink] = {link_.get(), POLLIN, 0};
  // The worker reads it; here only its end is of interest, which is reported unasked.
  ready[kControl] = {options_.control_fd, POLLRDHUP, 0};
  sys::Exit exit{};
  for (int patience = -1;;) {
    if (!sys::wait_ready(ready, patience)) return {kCrashed, 0};
    bool any = false;
    for (const struct pollfd& descriptor : ready) any = any || descriptor.revents != 0;
    if (!any && patience >= 0) [[maybe_unused]]
      const Status killed = sys::send_signal(worker_, SIGKILL);
    if (ready[kLink].revents != 0) {
      take_ready();
      ready[kLink].fd = -1;
    }
    if (ready[kControl].revents != 0) {
      patience = kLastWarningMs;
      ready[kControl].fd = -1;
    }
    if (ready[kSignals].revents != 0 && take_signals(exit)) return exit;
  }
}

// True when the worker has ended, with `exit` filled in.
bool Supervisor::take_signals(sys::Exit& exit) {
  const Result<int> signal = sys::take_signal(signals_.get());
  if (!signal) return false;
  if (*signal != SIGCHLD) {
    [[maybe_unused]] const Status forwarded = sys::send_signal(worker_, *signal);
    return false;
  }
  const Result<std::optional<sys::Exit>> ended = sys::wait_without_blocking(worker_);
  if (ended && !*ended) return false;  // stopped or continued
  exit = ended ? **ended : sys::Exit{kCrashed, 0};
  return true;
}

// What comes first on the link is either word of success or its end.
void Supervisor::take_ready() {
  Ready ready{};
  const Result<std::size_t> got = sys::read_some(link_.get(), reinterpret_cast<char*>(&ready), sizeof ready);
  if (!got || *got != sizeof ready) return;
  mount_id_ = ready.mount_id;
  if (!launcher_) return;
  [[maybe_unused]] const Status detached = sys::stdio_to_null();
  [[maybe_unused]] const Status told = sys::write_all(launcher_.get(), "+", 1000);
  launcher_.reset();
}

// Takes off what the worker left mounted, and nothing that others have mounted since or before.
void Supervisor::clean_up(const sys::Exit& exit) {
  // A worker that fails by itself before it has told of its mount has taken it off: what is there is another server's.
  if (exit.signal == 0 && mount_id_ == 0) return;
  const auto top = top_mount_on(target_);
  if (!top || top->type != kMountType) return;
  const bool ours = mount_id_ != 0 ? top->id == mount_id_ : top->id != mount_before_;
  if (ours) [[maybe_unused]]
    const Status off = unmount(target_, sys::Unmount::kLazy);
}

void Supervisor::report_crash(int signal) {
  (void)std::fprintf(
      stderr,
      "node-aufs-fuse: ERR_SERVER: the server of '%s' was ended by signal %d; its mount was removed\n",
      target_.c_str(), signal);
  if (options_.control_fd < 0) return;
  JsonLine json;
  json.open('{')
      .key("event")
      .text("crashed")
      .key("signal")
      .number(static_cast<std::uint64_t>(signal))
      .close('}');
  [[maybe_unused]] const Status sent = sys::write_all(options_.control_fd, std::move(json).take(), 1000);
}

}  // namespace

int run_supervised(const Options& options, UniqueFd launcher) {
  sys::block_signals({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  Result<UniqueFd> signals = sys::signal_descriptor({SIGTERM, SIGINT, SIGHUP, SIGCHLD});
  if (!signals) return fail(options, signals.error(), "no descriptor for signals");
  Result<sys::Pair> link = sys::stream_pair();
  if (!link) return fail(options, link.error(), "no socket between the processes");
  const Result<pid_t> worker = sys::fork_process();
  if (!worker) return fail(options, worker.error(), "no second process");
  if (*worker == 0) {
    link->first.reset();
    launcher.reset();
    signals->reset();
    // Its own process group: a kill -9 of the owner's whole group must leave somebody to unmount.
    [[maybe_unused]] const Status apart = sys::new_session();
    return run_worker(options, std::move(link->second));
  }
  link->second.reset();
  Supervisor supervisor(options, *worker, std::move(link->first), std::move(launcher), *std::move(signals));
  [[maybe_unused]] const Status moved = sys::change_directory("/");
  return supervisor.run();
}

int run_as_daemon(const Options& options) {
  Result<sys::Pair> channel = sys::make_pipe();
  if (!channel) return fail(options, channel.error(), "no pipe");
  const Result<pid_t> child = sys::fork_process();
  if (!child) return fail(options, child.error(), "no process in the background");
  if (*child == 0) {
    channel->first.reset();
    [[maybe_unused]] const Status apart = sys::new_session();
    return run_supervised(options, std::move(channel->second));
  }
  channel->second.reset();
  char byte = 0;
  const Result<std::size_t> got = sys::read_some(channel->first.get(), &byte, 1);
  if (got && *got == 1) return 0;
  const Result<sys::Exit> exit = sys::wait_for(*child);
  return exit && exit->signal == 0 && exit->code != 0 ? exit->code : 1;
}

}  // namespace aufs::fuse
