// SPDX-License-Identifier: MIT
#include "fuse/worker.h"

#include <fcntl.h>
#include <signal.h>

#include <array>
#include <cstdio>

#include "fuse/chain_indexer.h"
#include "fuse/control.h"
#include "fuse/copy_up_log.h"
#include "fuse/json_line.h"
#include "fuse/link.h"
#include "fuse/mount_table.h"
#include "fuse/mounting.h"
#include "fuse/preflight.h"
#include "fuse/session.h"
#include "sys/free_memory.h"
#include "sys/names.h"
#include "sys/process_control.h"

namespace aufs::fuse {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kPatience{10'000};   // for requests that are being served, when the server has to end
constexpr milliseconds kQuiet{1'000};       // without much being forgotten, before memory is given back
constexpr milliseconds kLastRequests{500};  // for the kernel to close a connection after its unmount

class Worker {
 public:
  Worker(const Options& options, UniqueFd link)
      : options_(options), link_(std::move(link)), control_(options.control_fd) {}

  int run() {
    if (auto failure = start()) {
      control_.send(failure_line(*failure));
      (void)std::fprintf(stderr, "node-aufs-fuse: %s: %s\n", failure->code, failure->message.c_str());
      return failure->exit_code();
    }
    announce();
    if (!options_.chain_index.empty() && !fs_->uses_chain_index()) indexer_.start(*fs_, options_.chain_index);
    return serve();
  }

 private:
  MaybeFailure start();
  MaybeFailure begin_session(UniqueFd device);
  void announce();
  void read_ahead(const MountLine& mount);
  int serve();
  int keep_small(bool much_forgotten, int patience);
  bool obey();
  bool obey_line(const std::string& line);
  bool stop_on_request(sys::Unmount how);
  Status take_off(sys::Unmount how);
  bool wait_for_end(milliseconds patience);
  void leave();
  Status close_union();
  std::string stats() const;
  std::string copy_ups() const;

  const Options& options_;
  UniqueFd link_;
  Control control_;
  UniqueFd signals_;
  CopyUpLog log_;
  std::string target_;
  std::uint64_t mount_id_ = 0;
  std::unique_ptr<UnionFs> fs_;
  std::unique_ptr<Session> session_;
  ChainIndexer indexer_;
};

MaybeFailure Worker::start() {
  Outcome<std::string> target = check_target(options_);
  if (!target) return target.failure();
  target_ = *target;
  if (auto failure = check_device()) return failure;
  auto fs = open_union(options_, target_, [this](const CopyUpEvent& event) { log_.add(event); });
  if (!fs) return fs.failure();
  fs_ = std::move(*fs);
  Result<UniqueFd> signals = sys::signal_descriptor({SIGTERM, SIGINT, SIGHUP});
  if (!signals) return Failure{"ERR_SERVER", signals.error().code, "no descriptor for signals", ""};
  signals_ = *std::move(signals);
  [[maybe_unused]] const Status moved = sys::change_directory("/");  // pins no file system
  Outcome<UniqueFd> device = mount_union(options_, target_);
  if (!device) return device.failure();
  MaybeFailure failure = begin_session(std::move(*device));
  if (!failure) return std::nullopt;
  session_.reset();  // its descriptor first, so that nothing can wait for a reply
  [[maybe_unused]] const Status off = unmount(target_, sys::Unmount::kLazy);
  return failure;
}

MaybeFailure Worker::begin_session(UniqueFd device) {
  const auto failed = [](Error error, const std::string& what) {
    return Failure{"ERR_SERVER", error.code, what + reason_of(error.code) + " (" + error.syscall + ")", ""};
  };
  session_ = std::make_unique<Session>(
      std::move(device), *fs_,
      MountSettings{target_, options_.timeouts, options_.revalidate, options_.data_at_open,
                    options_.list_ahead, options_.open_ahead, options_.birth_times, options_.dirperm1},
      Serving{options_.passthrough, options_.uring, options_.near_caller, options_.park_threads,
              options_.threads});
  const Status shaken = session_->shake_hands();
  if (!shaken)
    return failed(shaken.error(), "the kernel and this server do not agree on a protocol (7.31 is needed)");
  const Status started = session_->start();
  if (!started) return failed(started.error(), "no thread could be started");
  return std::nullopt;
}

void Worker::announce() {
  if (const auto mount = top_mount_on(target_); mount && mount->type == kMountType) {
    mount_id_ = mount->id;
    read_ahead(*mount);
  }
  const IoModes& modes = session_->server().modes;
  JsonLine json;
  json.open('{').key("event").text("mounted").key("target").text(target_);
  json.key("pid").number(static_cast<std::uint64_t>(sys::process_id()));
  json.key("passthrough").boolean(modes.why_not() == nullptr);
  json.key("protocol").text("7." + std::to_string(session_->server().negotiated.minor)).close('}');
  control_.send(std::move(json).take());
  // Whoever waits for the end of our output must not wait for the end of the mount.
  if (options_.daemon()) [[maybe_unused]]
    const Status detached = sys::stdio_to_null();
  const Ready ready{mount_id_};
  const std::string_view bytes(reinterpret_cast<const char*>(&ready), sizeof ready);
  [[maybe_unused]] const Status told = sys::write_all(link_.get(), bytes, 1000);
}

// A request costs a round trip whatever its size, so reading ahead in large steps pays more here than on a disk. Only root
// may say so; nobody minds if it fails.
void Worker::read_ahead(const MountLine& mount) {
  const std::string knob = "/sys/class/bdi/" + mount.device + "/read_ahead_kb";
  [[maybe_unused]] const Status set = sys::write_text(knob.c_str(), "1024");
}

int Worker::serve() {
  enum { kSignals, kLink, kFinished, kControl, kSpare, kCount };
  std::array<struct pollfd, kCount> ready{};
  ready[kSignals] = {signals_.get(), POLLIN, 0};
  ready[kLink] = {link_.get(), POLLIN, 0};
  ready[kFinished] = {session_->finished_descriptor(), POLLIN, 0};
  ready[kControl] = {control_.fd(), POLLIN, 0};  // a negative descriptor is passed over
  ready[kSpare] = {session_->spare_memory().descriptor(), POLLIN, 0};
  for (int patience = -1;;) {
    if (!sys::wait_ready(ready, patience)) break;
    if (ready[kFinished].revents != 0) break;
    if (ready[kSignals].revents != 0 || ready[kLink].revents != 0) break;
    if (ready[kControl].revents != 0 && !obey()) break;
    patience = keep_small(ready[kSpare].revents != 0, patience);
  }
  leave();
  return 0;
}

// For how long to wait for the next event. Memory is given back when a wait ends without more of it: in the midst of a large `rm` or
// under memory pressure it would be taken again at once.
int Worker::keep_small(bool much_forgotten, int patience) {
  if (much_forgotten) {
    session_->spare_memory().settle();
    return static_cast<int>(kQuiet.count());
  }
  if (patience >= 0) sys::give_back_free_memory();
  return -1;
}

// False when the server is to end.
bool Worker::obey() {
  if (!control_.receive()) return false;
  while (const auto line = control_.next_line()) {
    if (!obey_line(*line)) return false;
  }
  return true;
}

bool Worker::obey_line(const std::string& line) {
  if (line == "stop") return !stop_on_request(sys::Unmount::kPlain);
  if (line == "stop lazy") return !stop_on_request(sys::Unmount::kLazy);
  if (line == "stats") {
    control_.send(stats());
  } else if (line == "copyups") {
    control_.send(copy_ups());
  } else {
    JsonLine json;
    json.open('{').key("ok").boolean(false).key("code").text("ERR_USAGE");
    json.key("message").text("unknown command; use stop, stop lazy, stats or copyups").close('}');
    control_.send(std::move(json).take());
  }
  return true;
}

// True if the mount is gone, everything is written and the owner has been told. A mount that was taken off lazily is
// served until its last user leaves; the reply says "in_use" then. One that could be taken off plainly has no user here:
// what still holds it is a copy in another mount namespace (a service that was started meanwhile), which would keep the
// branches for as long as that lives. It is not served any more.
bool Worker::stop_on_request(sys::Unmount how) {
  JsonLine json;
  json.open('{').key("ok");
  const Status off = take_off(how);
  if (!off) {
    const int code = off.error().code;
    json.boolean(false).key("code").text(code == EBUSY ? "EBUSY" : code == EPERM ? "EPERM" : "EINVAL");
    json.key("errno").number(static_cast<std::uint64_t>(code)).key("syscall").text(off.error().syscall);
    json.key("message").text("cannot unmount '" + target_ + "'" + reason_of(code)).close('}');
    control_.send(std::move(json).take());
    return false;
  }
  const bool ended = wait_for_end(kLastRequests) || how == sys::Unmount::kPlain;
  const Status closed = ended ? close_union() : ok();
  json.boolean(true).key("in_use").boolean(!ended);
  if (!closed) json.key("not_copied").number(static_cast<std::uint64_t>(closed.error().code));
  json.close('}');
  control_.send(std::move(json).take());
  return ended;
}

// Only what this server mounted is taken off. Errors: EBUSY also if something else is mounted over it; success if nothing
// of ours is there any more.
Status Worker::take_off(sys::Unmount how) {
  const auto top = top_mount_on(target_);
  if (!top) return ok();
  if (top->id != mount_id_) return Error{EBUSY, "umount2"};
  return unmount(target_, how);
}

bool Worker::wait_for_end(milliseconds patience) {
  return sys::is_readable(session_->finished_descriptor(), static_cast<int>(patience.count()));
}

void Worker::leave() {
  if (session_ == nullptr) return;  // closed on request
  const Status plain = take_off(sys::Unmount::kPlain);
  if (!plain) [[maybe_unused]]
    const Status lazy = take_off(sys::Unmount::kLazy);
  [[maybe_unused]] const Status closed = close_union();
}

// Ends the threads, completes copies and hard-link groups and lets go of the branches. A thread that is stuck in a file system below
// must not keep the process: it goes as in a crash, which no copy_up minds. What is copied behind is not stuck, however long it
// takes, so that comes first, and once more for what was written meanwhile. An error of that is the last that can be told of a file whose
// attributes alone were changed.
Status Worker::close_union() {
  indexer_.stop();
  [[maybe_unused]] const Status copied = fs_->finish_copy_ups();
  if (!session_->stop(kPatience)) sys::exit_now(0);
  const Status rest = fs_->finish_copy_ups();
  if (!rest) {
    (void)std::fprintf(
        stderr,
        "node-aufs-fuse: ERR_SERVER: a file could not be copied up%s; what was changed of it is lost\n",
        reason_of(rest.error().code).c_str());
  }
  if (!options_.read_only) [[maybe_unused]]
    const Status flushed = fs_->flush_hard_links();
  session_.reset();
  // The next mount makes another one.
  if (fs_->has_wrong_chain_index()) [[maybe_unused]]
    const Status removed = sys::unlink(AT_FDCWD, options_.chain_index.c_str());
  fs_.reset();
  return rest;
}

std::string Worker::stats() const {
  const Server& server = session_->server();
  const CopyUpLog::Totals totals = log_.totals();
  JsonLine json;
  json.open('{').key("ok").boolean(true);
  json.key("pid").number(static_cast<std::uint64_t>(sys::process_id()));
  json.key("threads").number(session_->thread_count());
  json.key("parked_threads").number(session_->parked_threads());
  json.key("protocol").text("7." + std::to_string(server.negotiated.minor));
  const char* why_not = server.modes.why_not();
  json.key("passthrough").boolean(why_not == nullptr);
  json.key("passthrough_reason").text(why_not == nullptr ? "" : why_not);
  json.key("chain_index").boolean(fs_->uses_chain_index());
  const char* why_no_rings = session_->why_no_rings();
  json.key("uring").boolean(why_no_rings == nullptr);
  json.key("uring_reason").text(why_no_rings == nullptr ? "" : why_no_rings);
  json.key("uring_requests").number(session_->ring_requests());
  const char* why_not_near = session_->follower().why_not();
  json.key("near_caller").boolean(why_not_near == nullptr);
  json.key("near_caller_reason").text(why_not_near == nullptr ? "" : why_not_near);
  json.key("near_caller_count").number(session_->follower().count());
  json.key("nodes").number(server.nodes.size());
  json.key("open_files").number(server.files.size());
  json.key("open_directories").number(server.dirs.size());
  json.key("copy_ups")
      .open('{')
      .key("count")
      .number(totals.count)
      .key("bytes")
      .number(totals.bytes)
      .close('}');
  json.close('}');
  return std::move(json).take();
}

std::string Worker::copy_ups() const {
  JsonLine json;
  json.open('{').key("ok").boolean(true).key("copy_ups").open('[');
  for (const CopyUpEvent& event : log_.recent()) {
    json.open('{').key("path").text(event.path).key("method").text(name_of(event.method));
    json.key("bytes").number(event.bytes).key("ns").number(event.nanoseconds).close('}');
  }
  json.close(']').close('}');
  return std::move(json).take();
}

}  // namespace

int run_worker(const Options& options, UniqueFd link) {
  sys::share_free_memory();
  return Worker(options, std::move(link)).run();
}

}  // namespace aufs::fuse
