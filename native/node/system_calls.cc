// SPDX-License-Identifier: MIT
// Odds and ends of the system that node:fs lacks.
#include <fcntl.h>

#include <optional>
#include <vector>

#include "node/union_call.h"
#include "sys/attributes.h"
#include "sys/file_io.h"
#include "sys/file_system.h"
#include "sys/fuse_mount.h"
#include "sys/mount_control.h"
#include "sys/process_list.h"
#include "sys/whole_file.h"

namespace aufs::node {
namespace {

constexpr std::int64_t kDetach = 2;  // MNT_DETACH

Napi::Value umount(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  const auto how = (integer_arg(info, 1) & kDetach) != 0 ? sys::Unmount::kLazy : sys::Unmount::kPlain;
  return async_call(info.Env(), {"umount", path}, {},
                    [path, how] { return sys::unmount_file_system(path.c_str(), how); });
}

Napi::Value path_get_xattr(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  std::string name = string_arg(info, 1);
  return async_call(
      info.Env(), {"getxattr", path}, {},
      [path, name]() -> Result<std::string> {
        AUFS_TRY(const UniqueFd fd, sys::open_at(AT_FDCWD, path.c_str(), O_PATH | O_NOFOLLOW));
        return sys::get_xattr(fd.get(), "", name.c_str());
      },
      bytes_to_js);
}

Napi::Value fs_type_name(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  return async_call(
      info.Env(), {"statfs", path}, {},
      [path]() -> Result<std::string> {
        AUFS_TRY(const UniqueFd fd, sys::open_at(AT_FDCWD, path.c_str(), O_PATH));
        return sys::file_system_type(fd.get());
      },
      [](Napi::Env env, const std::string& name) -> Napi::Value { return Napi::String::New(env, name); });
}

// mountControl(path, words): the answer of the mount that the directory is in, a line of JSON.
Napi::Value mount_control(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  std::string command;
  for (const std::string& word : path_list_arg(info, 1)) command.append(word).push_back('\0');
  return async_call(
      info.Env(), {"ioctl", path}, {},
      [path, command]() -> Result<std::string> {
        AUFS_TRY(const UniqueFd fd, sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_DIRECTORY));
        return sys::control_mount(fd.get(), command);
      },
      bytes_to_js);
}

// A lock on an open file; it goes when the descriptor does.
struct FileLock {
  static constexpr napi_type_tag kTag{0x6e6f64652d617566, 0x732d6c6f636b3031};
  static constexpr const char* kName = "LockHandle";
  UniqueFd fd;
};

// What is locked when there is nothing yet.
enum class Missing { kIsError, kIsMade };

Result<UniqueFd> open_to_lock(const std::string& path, Missing missing) {
  // A FIFO is not waited for: what a store from elsewhere has in the place of a lock can be anything.
  constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
  if (missing == Missing::kIsError) return sys::open_at(AT_FDCWD, path.c_str(), kFlags);
  return sys::open_at(AT_FDCWD, path.c_str(), kFlags | O_CREAT, 0600);
}

Result<std::shared_ptr<FileLock>> take_lock(const std::string& path, bool exclusive, Missing missing) {
  AUFS_TRY(UniqueFd fd, open_to_lock(path, missing));
  const Status locked = exclusive ? sys::lock_exclusive(fd.get()) : sys::lock_shared(fd.get());
  if (failed_with(locked, EWOULDBLOCK)) return std::shared_ptr<FileLock>();
  if (!locked) return locked.error();
  auto lock = std::make_shared<FileLock>();
  lock->fd = std::move(fd);
  return lock;
}

Napi::Value lock_path(const Napi::CallbackInfo& info, Missing missing) {
  std::string path = path_arg(info, 0);
  const bool exclusive = boolean_arg(info, 1);
  return async_call(
      info.Env(), {"flock", path}, {},
      [path, exclusive, missing] { return take_lock(path, exclusive, missing); },
      [](Napi::Env env, std::shared_ptr<FileLock> lock) -> Napi::Value {
        return lock ? wrap_handle(env, std::move(lock)) : env.Null();
      });
}

Napi::Value flock(const Napi::CallbackInfo& info) {
  return lock_path(info, Missing::kIsError);
}

Napi::Value lock_file(const Napi::CallbackInfo& info) {
  return lock_path(info, Missing::kIsMade);
}

Napi::Value unlock(const Napi::CallbackInfo& info) {
  unwrap_handle<FileLock>(info, 0)->fd.reset();
  return info.Env().Undefined();
}

// readRegularFile(path, most)
Napi::Value read_regular_file(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  const auto most = static_cast<std::size_t>(integer_arg(info, 1));
  return async_call(
      info.Env(), {"open", path}, {}, [path, most] { return sys::read_regular_file(path.c_str(), most); },
      bytes_to_js);
}

// replaceFile(path, temporary, text, flush)
Napi::Value replace_file(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  std::string temporary = path_arg(info, 1);
  std::string text = string_arg(info, 2);
  const bool flush = boolean_arg(info, 3);
  return async_call(info.Env(), {"rename", temporary, path}, {}, [path, temporary, text, flush] {
    return sys::replace_file(path.c_str(), temporary.c_str(), text, flush);
  });
}

// processesNamed(name)
Napi::Value processes_named(const Napi::CallbackInfo& info) {
  std::string name = string_arg(info, 0);
  return async_call(
      info.Env(), {"scandir", "/proc"}, {}, [name] { return sys::processes_named(name); },
      [](Napi::Env env, const std::vector<sys::RunningProcess>& processes) -> Napi::Value {
        Napi::Array list = Napi::Array::New(env, processes.size());
        for (std::uint32_t at = 0; at < processes.size(); ++at) {
          Napi::Object process = Napi::Object::New(env);
          process.Set("pid", Napi::Number::New(env, processes[at].pid));
          process.Set("commandLine", processes[at].command_line);
          list.Set(at, process);
        }
        return list;
      });
}

Napi::Value sync_path(const Napi::CallbackInfo& info, const char* operation, Status (*sync)(int)) {
  std::string path = path_arg(info, 0);
  return async_call(info.Env(), {operation, path}, {}, [path, sync]() -> Status {
    AUFS_TRY(const UniqueFd fd, sys::open_at(AT_FDCWD, path.c_str(), O_RDONLY | O_NONBLOCK));
    return sync(fd.get());
  });
}

Napi::Value fsync_path(const Napi::CallbackInfo& info) {
  return sync_path(info, "fsync", sys::fsync);
}

Napi::Value syncfs(const Napi::CallbackInfo& info) {
  return sync_path(info, "syncfs", sys::syncfs);
}

// The caller keeps the descriptor open.
Napi::Value syncfs_of(const Napi::CallbackInfo& info) {
  const auto fd = static_cast<int>(integer_arg(info, 0));
  return async_call(info.Env(), {"syncfs"}, {}, [fd] { return sys::syncfs(fd); });
}

Napi::Value sync_all(const Napi::CallbackInfo& info) {
  return async_call(info.Env(), {"sync", ""}, {}, []() -> Status {
    sys::sync_all();
    return ok();
  });
}

}  // namespace

void export_system(Napi::Env env, Napi::Object exports) {
  exports.Set("umount", Napi::Function::New(env, umount));
  exports.Set("pathGetxattr", Napi::Function::New(env, path_get_xattr));
  exports.Set("fsTypeName", Napi::Function::New(env, fs_type_name));
  exports.Set("mountControl", Napi::Function::New(env, mount_control));
  exports.Set("flock", Napi::Function::New(env, flock));
  exports.Set("lockFile", Napi::Function::New(env, lock_file));
  exports.Set("unlock", Napi::Function::New(env, unlock));
  exports.Set("readRegularFile", Napi::Function::New(env, read_regular_file));
  exports.Set("replaceFile", Napi::Function::New(env, replace_file));
  exports.Set("processesNamed", Napi::Function::New(env, processes_named));
  exports.Set("fsyncPath", Napi::Function::New(env, fsync_path));
  exports.Set("syncfs", Napi::Function::New(env, syncfs));
  exports.Set("syncfsOf", Napi::Function::New(env, syncfs_of));
  exports.Set("syncAll", Napi::Function::New(env, sync_all));
}

}  // namespace aufs::node
