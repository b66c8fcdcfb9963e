// SPDX-License-Identifier: MIT
#include "sys/scheduling.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "sys/call.h"
#include "sys/process_control.h"

namespace aufs::sys {
namespace {

// linux/ioprio.h, which Debian 12 has without the priorities within a class.
constexpr int kIoThread = 1;
constexpr int kIoBestEffort = 2 << 13 | 4;

}  // namespace

pid_t thread_id() noexcept {
  return static_cast<pid_t>(::syscall(SYS_gettid));
}

void give_way() noexcept {
  ::setpriority(PRIO_PROCESS, 0, 19);  // on Linux 0 is the thread, not the process
}

Status stay_on_processor(unsigned number, pid_t thread) noexcept {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (number >= CPU_SETSIZE) return Error{EINVAL, "sched_setaffinity"};
  CPU_SET(number, &set);
  return check(::sched_setaffinity(thread, sizeof set, &set), "sched_setaffinity");
}

// Without a word about it the priority of its reads and writes would follow that of the thread.
Status run_when_idle(pid_t thread) noexcept {
  AUFS_CHECK(check(::syscall(SYS_ioprio_set, kIoThread, thread, kIoBestEffort), "ioprio_set"));
  const sched_param none{};
  return check(::sched_setscheduler(thread, SCHED_IDLE, &none), "sched_setscheduler");
}

Result<Placement> placement() noexcept {
  Placement now{::sched_getscheduler(0), {}};
  AUFS_CHECK(check(now.policy, "sched_getscheduler"));
  AUFS_CHECK(check(::sched_getaffinity(0, sizeof now.processors, &now.processors), "sched_getaffinity"));
  return now;
}

Status put_back(pid_t thread, const Placement& placement) noexcept {
  const sched_param none{};
  AUFS_CHECK(check(::sched_setscheduler(thread, placement.policy, &none), "sched_setscheduler"));
  return check(::sched_setaffinity(thread, sizeof placement.processors, &placement.processors),
               "sched_setaffinity");
}

Result<UniqueFd> watch_thread(pid_t thread) noexcept {
  constexpr std::string_view kBefore = "/proc/";
  constexpr std::string_view kAfter = "/stat";
  std::array<char, 32> path{};
  char* const number = std::copy(kBefore.begin(), kBefore.end(), path.begin());
  std::copy(kAfter.begin(), kAfter.end(), std::to_chars(number, number + 12, thread).ptr);
  UniqueFd fd(retry_eintr([&] { return ::open(path.data(), O_RDONLY | O_CLOEXEC); }));
  if (!fd) return Error::last("open");
  return fd;
}

// proc_pid_stat(5): the name, which may hold anything, ends with the last parenthesis; field 3 follows it, and field 39 is the processor.
Result<ThreadState> watched_state(int watch) noexcept {
  std::array<char, 1024> bytes{};
  const ssize_t got = retry_eintr([&] { return ::pread(watch, bytes.data(), bytes.size(), 0); });
  if (got < 0) return Error::last("pread");
  const std::string_view text(bytes.data(), static_cast<std::size_t>(got));
  const std::size_t name = text.rfind(") ");
  if (name == std::string_view::npos || name + 2 >= text.size()) return Error{ESRCH, "pread"};
  std::size_t field = name + 2;
  ThreadState found{text[field], 0};
  for (int order = 3; order < 39 && field != 0; ++order) field = text.find(' ', field) + 1;
  const auto [end, error] = std::from_chars(text.data() + field, text.data() + text.size(), found.processor);
  if (field == 0 || error != std::errc()) return Error{ESRCH, "pread"};
  return found;
}

Result<ThreadState> thread_state(pid_t thread) noexcept {
  AUFS_TRY(const UniqueFd watch, watch_thread(thread));
  return watched_state(watch.get());
}

}  // namespace aufs::sys
