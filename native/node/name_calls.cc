// SPDX-License-Identifier: MIT
// Making, removing and moving names.
#include <sys/sysmacros.h>

#include "node/union_call.h"

namespace aufs::node {
namespace {

enum class Slash { kAllowed, kRefused };

// Where a new entry shall be. Errors: EEXIST if something is there, ENOENT for "name/" where only a directory may be so named.
Result<Walked> free_name(UnionFs& fs, const std::string& path, Slash slash) {
  AUFS_TRY(Walked walked, walk(fs, path, Last::kKeep));
  if (walked.found) return Error{EEXIST, "lookup"};
  if (walked.trailing_slash && slash == Slash::kRefused) return Error{ENOENT, "lookup"};
  return walked;
}

// Where an entry is that shall go.
Result<Walked> taken_name(UnionFs& fs, const std::string& path) {
  AUFS_TRY(Walked walked, walk(fs, path, Last::kKeep));
  if (!walked.found) return Error{ENOENT, "lookup"};
  if (walked.trailing_slash && !S_ISDIR(walked.found->attr.st.st_mode)) return Error{ENOTDIR, "lookup"};
  return walked;
}

Status without_value(const Result<Found>& found) {
  return found ? ok() : Status(found.error());
}

Napi::Value mkdir(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  const auto mode = static_cast<mode_t>(integer_arg(info, 2));
  return union_call(info, {"mkdir", path}, [path, mode](UnionFs& fs) -> Status {
    AUFS_TRY(const Walked at, free_name(fs, path, Slash::kAllowed));
    return without_value(fs.mkdir(at.parent, at.name, mode, this_process()));
  });
}

Napi::Value mknod(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  const auto mode = static_cast<mode_t>(integer_arg(info, 2));
  const dev_t device =
      makedev(static_cast<unsigned>(integer_arg(info, 3)), static_cast<unsigned>(integer_arg(info, 4)));
  return union_call(info, {"mknod", path}, [path, mode, device](UnionFs& fs) -> Status {
    AUFS_TRY(const Walked at, free_name(fs, path, Slash::kRefused));
    return without_value(fs.mknod(at.parent, at.name, mode, device, this_process()));
  });
}

Napi::Value symlink(const Napi::CallbackInfo& info) {
  std::string target = path_arg(info, 1);
  std::string path = path_arg(info, 2);
  return union_call(info, {"symlink", target, path}, [target, path](UnionFs& fs) -> Status {
    AUFS_TRY(const Walked at, free_name(fs, path, Slash::kRefused));
    return without_value(fs.symlink(at.parent, at.name, target, this_process()));
  });
}

Napi::Value link(const Napi::CallbackInfo& info) {
  std::string from = path_arg(info, 1);
  std::string to = path_arg(info, 2);
  return union_call(info, {"link", from, to}, [from, to](UnionFs& fs) -> Status {
    AUFS_TRY(const Found source, find(fs, from, Last::kKeep));
    AUFS_TRY(const Walked at, free_name(fs, to, Slash::kRefused));
    return without_value(fs.link(source.node, at.parent, at.name));
  });
}

Napi::Value unlink(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  return union_call(info, {"unlink", path}, [path](UnionFs& fs) -> Status {
    AUFS_TRY(const Walked at, taken_name(fs, path));
    if (at.name == ".") return Error{EISDIR, "unlink"};
    return fs.unlink(at.parent, at.name);
  });
}

Napi::Value rmdir(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  return union_call(info, {"rmdir", path}, [path](UnionFs& fs) -> Status {
    AUFS_TRY(const Walked at, taken_name(fs, path));
    if (at.parent == fs.root() && at.name == ".") return Error{EBUSY, "rmdir"};
    return fs.rmdir(at.parent, at.name);
  });
}

Napi::Value rename(const Napi::CallbackInfo& info) {
  std::string from = path_arg(info, 1);
  std::string to = path_arg(info, 2);
  const auto flags = static_cast<unsigned>(integer_arg(info, 3));
  return union_call(info, {"rename", from, to}, [from, to, flags](UnionFs& fs) -> Status {
    // Both directories are found before the source is looked at, as the kernel does: that decides which error is given.
    AUFS_TRY(const Walked source, walk(fs, from, Last::kKeep));
    AUFS_TRY(const Walked target, walk(fs, to, Last::kKeep));
    if (!source.found) return Error{ENOENT, "rename"};
    if (source.trailing_slash && !S_ISDIR(source.found->attr.st.st_mode)) return Error{ENOTDIR, "rename"};
    if (source.name == "." || target.name == ".") return Error{EBUSY, "rename"};
    if (target.trailing_slash && !S_ISDIR(source.found->attr.st.st_mode)) return Error{ENOTDIR, "rename"};
    return fs.rename(source.parent, source.name, target.parent, target.name, flags);
  });
}

}  // namespace

void export_names(Napi::Env env, Napi::Object exports) {
  exports.Set("mkdir", Napi::Function::New(env, mkdir));
  exports.Set("mknod", Napi::Function::New(env, mknod));
  exports.Set("symlink", Napi::Function::New(env, symlink));
  exports.Set("link", Napi::Function::New(env, link));
  exports.Set("unlink", Napi::Function::New(env, unlink));
  exports.Set("rmdir", Napi::Function::New(env, rmdir));
  exports.Set("rename", Napi::Function::New(env, rename));
}

}  // namespace aufs::node
