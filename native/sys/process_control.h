// SPDX-License-Identifier: MIT
#pragma once

#include <poll.h>
#include <pthread.h>
#include <sys/types.h>

#include <chrono>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

// Processes, signals, pipes and sockets: what a server needs around its work.
namespace aufs::sys {

// --- file creation mask of the calling thread
// Gives the calling thread a umask (and working directory) of its own, instead of the process's; the umask becomes 0.
Status separate_umask() noexcept;
// Sets the calling thread's umask. After the scope it takes nothing from the owner; what it takes from others is left open. Use after
// separate_umask().
class UmaskScope {
 public:
  explicit UmaskScope(mode_t mask) noexcept;
  UmaskScope(const UmaskScope&) = delete;
  UmaskScope& operator=(const UmaskScope&) = delete;
  ~UmaskScope();
};

// --- processes
Result<pid_t> fork_process() noexcept;  // 0 in the child
struct Exit {
  int code;    // exit code; meaningless if signal != 0
  int signal;  // that ended the process, or 0
};
Result<Exit> wait_for(pid_t child) noexcept;
// Empty while `child` runs.
Result<std::optional<Exit>> wait_without_blocking(pid_t child) noexcept;
Status send_signal(pid_t process, int signal) noexcept;
Status new_session() noexcept;
[[noreturn]] void exit_now(int code) noexcept;  // without destructors and atexit handlers
pid_t process_id() noexcept;
uid_t user_id() noexcept;             // effective
gid_t group_id() noexcept;            // effective
bool has_effective_admin() noexcept;  // CAP_SYS_ADMIN in the user namespace of this process

// --- signals
void block_signals(std::initializer_list<int> signals) noexcept;  // in this thread and those it starts
Result<UniqueFd> signal_descriptor(std::initializer_list<int> signals);
Result<int> take_signal(int descriptor) noexcept;
void ignore_signal(int signal) noexcept;
// Makes `signal` do nothing but interrupt a system call of the thread that gets it.
void interrupting_signal(int signal) noexcept;
void interrupt_thread(pthread_t thread, int signal) noexcept;

// --- descriptors
struct Pair {
  UniqueFd first;
  UniqueFd second;
};
Result<Pair> stream_pair();        // connected stream sockets
Result<Pair> make_pipe();          // first: reading end
Result<UniqueFd> event_counter();  // eventfd(2), for waking a poller
void count_event(int descriptor) noexcept;
// What was counted counts no more. Waits until there is something.
void reset_event(int descriptor) noexcept;
// timerfd(2). One thread waits for it; whoever sets it again meanwhile makes it wait for that. Zero: now.
Result<UniqueFd> timer();
void set_timer(int timer, std::chrono::nanoseconds from_now) noexcept;
void await_timer(int timer) noexcept;
Result<UniqueFd> memory_file(const char* name);  // memfd_create(2)
Result<UniqueFd> receive_descriptor(int socket);
Status wait_ready(std::span<struct pollfd> descriptors,
                  int timeout_ms) noexcept;         // EINTR is success with nothing ready
bool is_readable(int fd, int timeout_ms) noexcept;  // or at its end; false if neither by then
Result<std::size_t> read_some(int fd, char* into, std::size_t size) noexcept;
Status write_all(int fd, std::string_view text,
                 int timeout_ms) noexcept;  // ETIMEDOUT if the reader does not read
bool is_open(int fd) noexcept;
Status close_on_exec(int fd) noexcept;
Status stdio_to_null() noexcept;

// --- paths
Status change_directory(const char* path) noexcept;
Result<std::string> real_path(const std::string& path);
Result<std::string> read_text(const char* path);  // a small file, such as those of /proc
Status write_text(const char* path, std::string_view text);
Result<bool> is_empty_directory(const std::string& path);

}  // namespace aufs::sys
