// SPDX-License-Identifier: MIT
#include "sys/programs.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <unistd.h>

#include <array>

#include "sys/call.h"

extern char** environ;

namespace aufs::sys {
namespace {

constexpr int kErrors = 2;
constexpr int kControl = 3;

// What becomes of descriptors and signals between fork and exec.
class SpawnSetting {
 public:
  explicit SpawnSetting(short flags) noexcept {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, static_cast<short>(POSIX_SPAWN_SETSIGMASK | flags));
  }
  SpawnSetting(const SpawnSetting&) = delete;
  SpawnSetting& operator=(const SpawnSetting&) = delete;
  ~SpawnSetting() {
    ::posix_spawnattr_destroy(&attributes_);
    ::posix_spawn_file_actions_destroy(&actions_);
  }

  void null(int as, int flags) { ::posix_spawn_file_actions_addopen(&actions_, as, "/dev/null", flags, 0); }
  // Onto itself: takes the close-on-exec flag away, in the child only.
  void give(int fd, int as) { ::posix_spawn_file_actions_adddup2(&actions_, fd, as); }

  const posix_spawn_file_actions_t* actions() const noexcept { return &actions_; }
  const posix_spawnattr_t* attributes() const noexcept { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// As execve(2) takes them; valid as long as the strings are.
std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

// With a number that no descriptor of the new program has, so that none takes its place there.
Result<UniqueFd> out_of_the_way(UniqueFd fd) {
  if (fd.get() > kControl) return fd;
  const int other = ::fcntl(fd.get(), F_DUPFD_CLOEXEC, kControl + 1);
  if (other < 0) return Error::last("fcntl");
  return UniqueFd(other);
}

}  // namespace

Result<Finished> run_program(const std::vector<std::string>& arguments, const std::string& extra_environment,
                             int keep) {
  AUFS_TRY(Pair errors, make_pipe());
  SpawnSetting setting(0);
  setting.null(STDIN_FILENO, O_RDWR);
  setting.give(errors.second.get(), kErrors);
  if (keep >= 0) setting.give(keep, keep);

  const std::vector<char*> argv = pointers(arguments);
  std::vector<char*> environment;
  if (!extra_environment.empty()) environment.push_back(const_cast<char*>(extra_environment.c_str()));
  char** end = environ;
  while (*end != nullptr) ++end;
  environment.insert(environment.end(), environ, end);
  environment.push_back(nullptr);

  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], setting.actions(), setting.attributes(), argv.data(),
                                    environment.data());
  if (failed != 0) return Error{failed, "posix_spawn"};
  errors.second.reset();
  Finished finished{};
  std::array<char, 1024> chunk;
  for (;;) {
    const Result<std::size_t> got = read_some(errors.first.get(), chunk.data(), chunk.size());
    if (!got || *got == 0) break;
    finished.errors.append(chunk.data(), *got);
  }
  AUFS_TRY(finished.exit, wait_for(child));
  return finished;
}

Result<Started> start_program(const std::vector<std::string>& arguments,
                              const std::vector<std::string>& environment) {
  AUFS_TRY(Pair control, stream_pair());
  AUFS_TRY(Pair errors, make_pipe());
  AUFS_TRY(const UniqueFd its_control, out_of_the_way(std::move(control.second)));
  AUFS_TRY(const UniqueFd its_errors, out_of_the_way(std::move(errors.second)));
  SpawnSetting setting(POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGDEF);
  setting.null(STDIN_FILENO, O_RDONLY);
  setting.null(STDOUT_FILENO, O_WRONLY);
  setting.give(its_errors.get(), kErrors);
  setting.give(its_control.get(), kControl);
  pid_t child = 0;
  const int failed = ::posix_spawn(&child, arguments.front().c_str(), setting.actions(), setting.attributes(),
                                   pointers(arguments).data(), pointers(environment).data());
  if (failed != 0) return Error{failed, "posix_spawn"};
  return Started{child, std::move(control.first), std::move(errors.first)};
}

}  // namespace aufs::sys
