// SPDX-License-Identifier: MIT
// Opening, closing and looking: everything on a union that changes nothing.
#include <fcntl.h>
#include <sys/statvfs.h>

#include <array>

#include "node/union_call.h"
#include "sys/file_system.h"

namespace aufs::node {
namespace {

Result<std::vector<BranchSpec>> specs_of(const std::vector<std::string>& paths,
                                         const std::vector<std::string>& perms) {
  std::vector<BranchSpec> specs;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    AUFS_TRY(const BranchPerm perm, parse_perm(perms[i]));
    specs.push_back({paths[i], perm});
  }
  return specs;
}

// unionOpen(paths, perms, readOnly, dirren, volatile, createPolicy, copyUpPolicy, revalidate, alwaysOpaque, showWhiteouts)
Napi::Value union_open(const Napi::CallbackInfo& info) {
  auto paths = path_list_arg(info, 0);
  auto perms = path_list_arg(info, 1);
  if (paths.size() != perms.size())
    throw Napi::TypeError::New(info.Env(), "expected as many modes as branches");
  UnionOptions options;
  options.read_only = boolean_arg(info, 2);
  options.dirren = boolean_arg(info, 3);
  options.sync_copy_up = !boolean_arg(info, 4);
  const std::string create = string_arg(info, 5);
  const std::string copy_up = string_arg(info, 6);
  options.revalidate = boolean_arg(info, 7);
  options.always_opaque = boolean_arg(info, 8);
  options.show_whiteouts = boolean_arg(info, 9);
  const auto log = std::make_shared<Session::Log>();
  options.on_copy_up = [log](const CopyUpEvent& event) { log->add(event); };
  const auto refusal = std::make_shared<Refusal>();
  return async_call(
      info.Env(), {"open"}, {},
      [paths, perms, options, create, copy_up, refusal]() mutable -> Result<std::shared_ptr<UnionFs>> {
        AUFS_TRY(options.create_policy, parse_create_policy(create));
        AUFS_TRY(options.copy_up_policy, parse_copy_up_policy(copy_up));
        AUFS_TRY(const auto specs, specs_of(paths, perms));
        AUFS_TRY(auto fs, UnionFs::open(specs, options, refusal.get()));
        return std::shared_ptr<UnionFs>(std::move(fs));
      },
      [log](Napi::Env env, std::shared_ptr<UnionFs> fs) -> Napi::Value {
        return wrap_handle(env, std::make_shared<Session>(std::move(fs), log));
      },
      [refusal](Napi::Env env, Napi::Object failure) {
        failure.Set("branch", Napi::Number::New(env, refusal->branch));
        failure.Set("overlap", refusal->overlap);
      });
}

Napi::Value union_close(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  return async_call(info.Env(), {"close"}, {}, [session]() -> Status {
    session->close();
    return ok();
  });
}

Napi::Value union_name_max(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  const Result<std::size_t> max =
      session->use([](UnionFs& fs) -> Result<std::size_t> { return fs.name_max(); });
  return Napi::Number::New(info.Env(), max ? static_cast<double>(*max) : 0);
}

Napi::Value stat(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  const bool follow = boolean_arg(info, 2);
  return union_call(
      info, {follow ? "stat" : "lstat", path}, {},
      [path, follow](UnionFs& fs) -> Result<Attr> {
        AUFS_TRY(const Found found, find(fs, path, last_of(follow)));
        return found.attr;
      },
      attr_to_js);
}

Napi::Value readdir(const Napi::CallbackInfo& info) {
  return node_call(
      info, "scandir", Last::kFollow,
      [](UnionFs& fs, const NodePtr& node) -> Result<std::string> {
        AUFS_TRY(const std::vector<DirEntry> entries, fs.readdir(node));
        std::string packed;
        for (const DirEntry& entry : entries) {
          packed.push_back(static_cast<char>(entry.type));
          packed.append(entry.name).push_back('\0');
        }
        return packed;
      },
      bytes_to_js);
}

Napi::Value readlink(const Napi::CallbackInfo& info) {
  return node_call(
      info, "readlink", Last::kKeep,
      [](UnionFs& fs, const NodePtr& node) -> Result<std::string> { return fs.readlink(node); }, bytes_to_js);
}

Napi::Value realpath(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  return union_call(
      info, {"realpath", path}, {},
      [path](UnionFs& fs) -> Result<std::string> { return real_path(fs, path); }, bytes_to_js);
}

// What access(2) would say of the mode bits to this process, whose other groups do not count.
Status check_access(const struct stat& st, int mode, bool writable) {
  if ((mode & W_OK) != 0 && !writable) return Error{EROFS, "access"};
  const Caller me = this_process();
  if (me.uid == 0) {
    const bool executable = S_ISDIR(st.st_mode) || (st.st_mode & 0111) != 0;
    return (mode & X_OK) == 0 || executable ? ok() : Status(Error{EACCES, "access"});
  }
  const unsigned shift = st.st_uid == me.uid ? 6 : st.st_gid == me.gid ? 3 : 0;
  const auto granted = (st.st_mode >> shift) & 07U;
  return (static_cast<unsigned>(mode) & ~granted & 07U) == 0 ? ok() : Status(Error{EACCES, "access"});
}

Napi::Value access(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  const int mode = static_cast<int>(integer_arg(info, 2));
  return union_call(info, {"access", path}, [path, mode](UnionFs& fs) -> Status {
    AUFS_TRY(const Found found, find(fs, path, Last::kFollow));
    return check_access(found.attr.st, mode, fs.writable());
  });
}

Napi::Value statfs(const Napi::CallbackInfo& info) {
  using Numbers = std::array<std::int64_t, 8>;
  std::string path = path_arg(info, 1);
  return union_call(
      info, {"statfs", path}, {},
      [path](UnionFs& fs) -> Result<Numbers> {
        AUFS_TRY(const Found found, find(fs, path, Last::kFollow));
        AUFS_TRY(const struct statvfs vfs, fs.statfs());
        AUFS_TRY(const long type, fs.file_system_magic());
        const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
        return Numbers{number(type),        number(vfs.f_frsize), number(vfs.f_blocks),
                       number(vfs.f_bfree), number(vfs.f_bavail), number(vfs.f_files),
                       number(vfs.f_ffree), number(vfs.f_namemax)};
      },
      [](Napi::Env env, const Numbers& numbers) -> Napi::Value {
        auto array = Napi::BigInt64Array::New(env, numbers.size());
        for (std::size_t i = 0; i < numbers.size(); ++i) array[i] = numbers[i];
        return array;
      });
}

Napi::Value which(const Napi::CallbackInfo& info) {
  return node_call(
      info, "which", Last::kKeep,
      [](UnionFs& fs, const NodePtr& node) -> Result<int> { return static_cast<int>(fs.branch_of(node)); },
      [](Napi::Env env, int index) -> Napi::Value { return Napi::Number::New(env, index); });
}

}  // namespace

Napi::Value attr_to_js(Napi::Env env, const Attr& attr) {
  const auto nanoseconds = [](const struct timespec& time) {
    return static_cast<std::int64_t>(time.tv_sec) * 1'000'000'000 + time.tv_nsec;
  };
  const auto number = [](auto value) { return static_cast<std::int64_t>(value); };
  const struct stat& st = attr.st;
  const std::array<std::int64_t, 14> fields = {
      number(st.st_dev),       number(st.st_mode),      number(st.st_nlink),     number(st.st_uid),
      number(st.st_gid),       number(st.st_rdev),      number(st.st_blksize),   number(st.st_ino),
      number(st.st_size),      number(st.st_blocks),    nanoseconds(st.st_atim), nanoseconds(st.st_mtim),
      nanoseconds(st.st_ctim), nanoseconds(attr.btime),
  };
  auto array = Napi::BigInt64Array::New(env, fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i) array[i] = fields[i];
  return array;
}

void export_union(Napi::Env env, Napi::Object exports) {
  exports.Set("unionOpen", Napi::Function::New(env, union_open));
  exports.Set("unionClose", Napi::Function::New(env, union_close));
  exports.Set("unionNameMax", Napi::Function::New(env, union_name_max));
  exports.Set("stat", Napi::Function::New(env, stat));
  exports.Set("readdir", Napi::Function::New(env, readdir));
  exports.Set("readlink", Napi::Function::New(env, readlink));
  exports.Set("realpath", Napi::Function::New(env, realpath));
  exports.Set("access", Napi::Function::New(env, access));
  exports.Set("statfs", Napi::Function::New(env, statfs));
  exports.Set("which", Napi::Function::New(env, which));
}

}  // namespace aufs::node
