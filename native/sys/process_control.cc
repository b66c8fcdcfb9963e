// SPDX-License-Identifier: MIT
#include "sys/process_control.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <memory>

#include "base/scope_exit.h"
#include "sys/call.h"

namespace aufs::sys {
namespace {

Exit to_exit(int status) noexcept {
  if (WIFSIGNALED(status)) return {0, WTERMSIG(status)};
  return {WEXITSTATUS(status), 0};
}

sigset_t set_of(std::initializer_list<int> signals) noexcept {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : signals) ::sigaddset(&set, signal);
  return set;
}

thread_local mode_t thread_umask = 0;

void set_thread_umask(mode_t mask) noexcept {
  ::umask(mask);
  thread_umask = mask;
}

}  // namespace

Status separate_umask() noexcept {
  AUFS_CHECK(check(::unshare(CLONE_FS), "unshare"));
  set_thread_umask(0);
  return ok();
}

UmaskScope::UmaskScope(mode_t mask) noexcept {
  if ((mask & 0777) != thread_umask) set_thread_umask(mask & 0777);
}
// Most callers have the same mask, and what the thread makes on its own account is for its owner only.
UmaskScope::~UmaskScope() {
  if ((thread_umask & S_IRWXU) != 0) set_thread_umask(0);
}

Result<pid_t> fork_process() noexcept {
  const pid_t child = ::fork();
  if (child < 0) return Error::last("fork");
  return child;
}

Result<Exit> wait_for(pid_t child) noexcept {
  int status = 0;
  if (retry_eintr([&] { return ::waitpid(child, &status, 0); }) < 0) return Error::last("waitpid");
  return to_exit(status);
}

Result<std::optional<Exit>> wait_without_blocking(pid_t child) noexcept {
  int status = 0;
  const pid_t ended = retry_eintr([&] { return ::waitpid(child, &status, WNOHANG); });
  if (ended < 0) return Error::last("waitpid");
  return ended == 0 ? std::optional<Exit>() : to_exit(status);
}

Status send_signal(pid_t process, int signal) noexcept {
  return check(::kill(process, signal), "kill");
}

Status new_session() noexcept {
  return check(::setsid(), "setsid");
}

void exit_now(int code) noexcept {
  ::_exit(code);
}

pid_t process_id() noexcept {
  return ::getpid();
}
uid_t user_id() noexcept {
  return ::geteuid();
}
gid_t group_id() noexcept {
  return ::getegid();
}

bool has_effective_admin() noexcept {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  __user_cap_data_struct data[2] = {};
  if (::syscall(SYS_capget, &header, data) < 0) return false;
  return (data[0].effective & (1U << CAP_SYS_ADMIN)) != 0;
}

void block_signals(std::initializer_list<int> signals) noexcept {
  const sigset_t set = set_of(signals);
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<UniqueFd> signal_descriptor(std::initializer_list<int> signals) {
  const sigset_t set = set_of(signals);
  const int fd = ::signalfd(-1, &set, SFD_CLOEXEC);
  if (fd < 0) return Error::last("signalfd");
  return UniqueFd(fd);
}

Result<int> take_signal(int descriptor) noexcept {
  signalfd_siginfo info;
  const ssize_t got = retry_eintr([&] { return ::read(descriptor, &info, sizeof info); });
  if (got < 0) return Error::last("read");
  return static_cast<int>(info.ssi_signo);
}

void ignore_signal(int signal) noexcept {
  (void)::signal(signal, SIG_IGN);  // fails only for a number that is no signal
}

void interrupting_signal(int signal) noexcept {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  ::sigaction(signal, &action, nullptr);
}

void interrupt_thread(pthread_t thread, int signal) noexcept {
  ::pthread_kill(thread, signal);
}

Status change_directory(const char* path) noexcept {
  return check(::chdir(path), "chdir");
}

Result<std::string> real_path(const std::string& path) {
  const std::unique_ptr<char, void (*)(void*)> resolved(::realpath(path.c_str(), nullptr), ::free);
  if (resolved == nullptr) return Error::last("realpath");
  return std::string(resolved.get());
}

Result<std::string> read_text(const char* path) {
  const UniqueFd fd(retry_eintr([&] { return ::open(path, O_RDONLY | O_CLOEXEC); }));
  if (!fd) return Error::last("open");
  std::string text;
  std::array<char, 8192> chunk;
  for (;;) {
    AUFS_TRY(const std::size_t got, read_some(fd.get(), chunk.data(), chunk.size()));
    if (got == 0) return text;
    text.append(chunk.data(), got);
  }
}

Status write_text(const char* path, std::string_view text) {
  const UniqueFd fd(retry_eintr([&] { return ::open(path, O_WRONLY | O_CLOEXEC); }));
  if (!fd) return Error::last("open");
  return check(::write(fd.get(), text.data(), text.size()), "write");
}

Result<bool> is_empty_directory(const std::string& path) {
  const std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(path.c_str()), ::closedir);
  if (dir == nullptr) return Error::last("opendir");
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") return false;
  }
  return true;
}

}  // namespace aufs::sys
