// SPDX-License-Identifier: MIT
// Open files: numbers in JavaScript, OpenFd here.
#include <fcntl.h>

#include "node/union_call.h"

namespace aufs::node {
namespace {

constexpr std::size_t kReadStep = 512 * 1024;

Result<std::shared_ptr<OpenFd>> open_found(UnionFs& fs, const Found& found, int flags) {
  auto fd = std::make_shared<OpenFd>();
  fd->node = found.node;
  fd->flags = flags;
  const bool is_dir = S_ISDIR(found.attr.st.st_mode);
  if ((flags & O_DIRECTORY) != 0 && !is_dir) return Error{ENOTDIR, "open"};
  if (is_dir && (flags & (O_ACCMODE | O_TRUNC | O_CREAT)) == O_RDONLY) return fd;
  AUFS_TRY(fd->file, fs.open(found.node, flags));
  return fd;
}

// open(2) inside the union.
Result<std::shared_ptr<OpenFd>> open_path(UnionFs& fs, const std::string& path, int flags, mode_t mode) {
  const bool creates = (flags & O_CREAT) != 0;
  const bool keeps_link = (flags & O_NOFOLLOW) != 0 || (creates && (flags & O_EXCL) != 0);
  AUFS_TRY(const Walked at, walk(fs, path, keeps_link ? Last::kKeep : Last::kFollow));
  if (at.found) {
    if (creates && (flags & O_EXCL) != 0) return Error{EEXIST, "open"};
    if (at.trailing_slash && !S_ISDIR(at.found->attr.st.st_mode)) return Error{ENOTDIR, "open"};
    return open_found(fs, *at.found, flags);
  }
  if (!creates) return Error{ENOENT, "open"};
  if (at.trailing_slash) return Error{EISDIR, "open"};
  AUFS_TRY(Opened opened, fs.create(at.parent, at.name, flags, mode, this_process()));
  auto fd = std::make_shared<OpenFd>();
  fd->node = opened.found.node;
  fd->file = std::move(opened.file);
  fd->flags = flags;
  return fd;
}

Status need_file(const OpenFd& fd) {
  return fd.file ? ok() : Status(Error{EISDIR, "read"});
}

Result<std::string> read_from(UnionFs& fs, const OpenFilePtr& file, off_t& at) {
  std::string content;
  AUFS_TRY(const Attr attr, fs.getattr(UnionFs::node_of(file)));
  // One byte more than the file has, so that its end is met without another call.
  std::size_t step =
      std::max<std::size_t>(static_cast<std::size_t>(std::max<off_t>(attr.st.st_size - at, 0)) + 1, 512);
  for (;;) {
    const std::size_t before = content.size();
    content.resize(before + step);
    const auto into = std::as_writable_bytes(std::span(content)).subspan(before);
    AUFS_TRY(const std::size_t n, fs.read(file, into, at));
    content.resize(before + n);
    at += static_cast<off_t>(n);
    if (n < step) {
      if (n == 0 || before + n >= static_cast<std::size_t>(attr.st.st_size)) return content;
    }
    step = kReadStep;
  }
}

// Writes all; `at` < 0 appends.
Status write_to(UnionFs& fs, const OpenFilePtr& file, std::string_view bytes, off_t at) {
  auto rest = std::as_bytes(std::span(bytes.data(), bytes.size()));
  while (!rest.empty()) {
    AUFS_TRY(const std::size_t n, fs.write(file, rest, at));
    rest = rest.subspan(n);
    if (at >= 0) at += static_cast<off_t>(n);
  }
  return ok();
}

Keep keep_bytes(const Napi::Uint8Array& bytes) {
  Keep keep;
  keep.push_back(Napi::Persistent(bytes.As<Napi::Object>()));
  return keep;
}

Napi::Value number_to_js(Napi::Env env, std::size_t number) {
  return Napi::Number::New(env, static_cast<double>(number));
}

Napi::Value read_file(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  const int flags = static_cast<int>(integer_arg(info, 2));
  return union_call(
      info, {"open", path}, {},
      [path, flags](UnionFs& fs) -> Result<std::string> {
        AUFS_TRY(const auto fd, open_path(fs, path, flags, 0666));
        AUFS_CHECK(need_file(*fd));
        off_t at = 0;
        return read_from(fs, fd->file, at);
      },
      bytes_to_js);
}

Napi::Value write_file(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  const Napi::Uint8Array data = bytes_arg(info, 2);
  const std::string_view view = as_view(data);
  const int flags = static_cast<int>(integer_arg(info, 3));
  const auto mode = static_cast<mode_t>(integer_arg(info, 4));
  const bool flush = boolean_arg(info, 5);
  return union_call(
      info, {"open", path}, keep_bytes(data),
      [path, view, flags, mode, flush](UnionFs& fs) -> Status {
        AUFS_TRY(const auto fd, open_path(fs, path, flags, mode));
        AUFS_CHECK(need_file(*fd));
        AUFS_CHECK(write_to(fs, fd->file, view, (flags & O_APPEND) != 0 ? -1 : 0));
        return flush ? fs.fsync(fd->file, false) : ok();
      },
      [](Napi::Env env, Unit) -> Napi::Value { return env.Undefined(); });
}

Napi::Value file_open(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  std::string path = path_arg(info, 1);
  const int flags = static_cast<int>(integer_arg(info, 2));
  const auto mode = static_cast<mode_t>(integer_arg(info, 3));
  return union_call(
      info, {"open", path}, {},
      [session, path, flags, mode](UnionFs& fs) -> Result<std::size_t> {
        AUFS_TRY(auto fd, open_path(fs, path, flags, mode));
        return static_cast<std::size_t>(session->add_file(std::move(fd)));
      },
      number_to_js);
}

Napi::Value file_close(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  const int number = static_cast<int>(integer_arg(info, 1));
  return async_call(info.Env(), {"close"}, {},
                    [session, number]() -> Status { return session->close_file(number); });
}

// Runs `work(UnionFs&, OpenFd&)` on the file in argument 1.
template <typename Work, typename ToJs>
Napi::Value file_call(const Napi::CallbackInfo& info, const char* operation, Keep keep, Work work,
                      ToJs to_js) {
  auto session = unwrap_handle<Session>(info, 0);
  const int number = static_cast<int>(integer_arg(info, 1));
  return union_call(
      info, {operation}, std::move(keep),
      [session, number, work](UnionFs& fs) mutable -> decltype(work(fs, std::declval<OpenFd&>())) {
        AUFS_TRY(const std::shared_ptr<OpenFd> fd, session->file(number));
        return work(fs, *fd);
      },
      std::move(to_js));
}
template <typename Work>
Napi::Value file_call(const Napi::CallbackInfo& info, const char* operation, Work work) {
  return file_call(info, operation, {}, std::move(work),
                   [](Napi::Env env, Unit) -> Napi::Value { return env.Undefined(); });
}

Napi::Value file_read(const Napi::CallbackInfo& info) {
  Napi::Uint8Array buffer = bytes_arg(info, 2);
  const std::span<std::byte> into(reinterpret_cast<std::byte*>(buffer.Data()), buffer.ByteLength());
  const off_t position = integer_arg(info, 3);
  return file_call(
      info, "read", keep_bytes(buffer),
      [into, position](UnionFs& fs, OpenFd& fd) -> Result<std::size_t> {
        AUFS_CHECK(need_file(fd));
        if ((fd.flags & O_ACCMODE) == O_WRONLY) return Error{EBADF, "read"};
        if (position >= 0) return fs.read(fd.file, into, position);
        const std::lock_guard guard(fd.mutex);
        AUFS_TRY(const std::size_t n, fs.read(fd.file, into, fd.position));
        fd.position += static_cast<off_t>(n);
        return n;
      },
      number_to_js);
}

Napi::Value file_read_all(const Napi::CallbackInfo& info) {
  return file_call(
      info, "read", {},
      [](UnionFs& fs, OpenFd& fd) -> Result<std::string> {
        AUFS_CHECK(need_file(fd));
        if ((fd.flags & O_ACCMODE) == O_WRONLY) return Error{EBADF, "read"};
        const std::lock_guard guard(fd.mutex);
        return read_from(fs, fd.file, fd.position);
      },
      bytes_to_js);
}

Napi::Value file_write(const Napi::CallbackInfo& info) {
  const Napi::Uint8Array buffer = bytes_arg(info, 2);
  const std::string_view view = as_view(buffer);
  const off_t position = integer_arg(info, 3);
  return file_call(
      info, "write", keep_bytes(buffer),
      [view, position](UnionFs& fs, OpenFd& fd) -> Result<std::size_t> {
        if ((fd.flags & O_ACCMODE) == O_RDONLY) return Error{EBADF, "write"};
        AUFS_CHECK(need_file(fd));
        const bool appends = (fd.flags & O_APPEND) != 0;
        const std::lock_guard guard(fd.mutex);
        const off_t at = appends ? -1 : position >= 0 ? position : fd.position;
        AUFS_CHECK(write_to(fs, fd.file, view, at));
        if (position < 0 && !appends) fd.position += static_cast<off_t>(view.size());
        return view.size();
      },
      number_to_js);
}

Napi::Value file_stat(const Napi::CallbackInfo& info) {
  return file_call(
      info, "fstat", {}, [](UnionFs& fs, OpenFd& fd) -> Result<Attr> { return fs.getattr(fd.node); },
      attr_to_js);
}

Napi::Value set_attributes(const Napi::CallbackInfo& info, const char* operation, const SetAttr& change) {
  return file_call(info, operation, [change](UnionFs& fs, OpenFd& fd) -> Status {
    if (change.size && (fd.flags & O_ACCMODE) == O_RDONLY) return Error{EINVAL, "ftruncate"};
    const Result<Attr> changed = fs.setattr(fd.node, change);
    return changed ? ok() : Status(changed.error());
  });
}

Napi::Value file_truncate(const Napi::CallbackInfo& info) {
  SetAttr change;
  change.size = integer_arg(info, 2);
  return set_attributes(info, "ftruncate", change);
}

Napi::Value file_chmod(const Napi::CallbackInfo& info) {
  SetAttr change;
  change.mode = static_cast<mode_t>(integer_arg(info, 2)) & 07777;
  return set_attributes(info, "fchmod", change);
}

Napi::Value file_chown(const Napi::CallbackInfo& info) {
  return set_attributes(info, "fchown", owner_change(integer_arg(info, 2), integer_arg(info, 3)));
}

Napi::Value file_utimes(const Napi::CallbackInfo& info) {
  return set_attributes(info, "futime", times_change(info, 2));
}

Napi::Value file_sync(const Napi::CallbackInfo& info) {
  const bool data_only = boolean_arg(info, 2);
  return file_call(info, data_only ? "fdatasync" : "fsync", [data_only](UnionFs& fs, OpenFd& fd) -> Status {
    return fd.file ? fs.fsync(fd.file, data_only) : fs.fsyncdir(fd.node);
  });
}

}  // namespace

void export_files(Napi::Env env, Napi::Object exports) {
  exports.Set("readFile", Napi::Function::New(env, read_file));
  exports.Set("writeFile", Napi::Function::New(env, write_file));
  exports.Set("fileOpen", Napi::Function::New(env, file_open));
  exports.Set("fileClose", Napi::Function::New(env, file_close));
  exports.Set("fileRead", Napi::Function::New(env, file_read));
  exports.Set("fileReadAll", Napi::Function::New(env, file_read_all));
  exports.Set("fileWrite", Napi::Function::New(env, file_write));
  exports.Set("fileStat", Napi::Function::New(env, file_stat));
  exports.Set("fileTruncate", Napi::Function::New(env, file_truncate));
  exports.Set("fileChmod", Napi::Function::New(env, file_chmod));
  exports.Set("fileChown", Napi::Function::New(env, file_chown));
  exports.Set("fileUtimes", Napi::Function::New(env, file_utimes));
  exports.Set("fileSync", Napi::Function::New(env, file_sync));
}

}  // namespace aufs::node
