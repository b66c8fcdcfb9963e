// SPDX-License-Identifier: MIT
// Layers as directories: changes, copies, sizes.
#include <dirent.h>
#include <fcntl.h>

#include "layer/changes.h"
#include "layer/copy_tree.h"
#include "layer/layer_children.h"
#include "layer/tree_usage.h"
#include "node/union_call.h"
#include "sys/file_io.h"
#include "union/remove_tree.h"

namespace aufs::node {
namespace {

const char* type_name(unsigned char type) {
  switch (type) {
    case DT_REG: return "file";
    case DT_DIR: return "directory";
    case DT_LNK: return "symlink";
    case DT_FIFO: return "fifo";
    case DT_SOCK: return "socket";
    case DT_CHR: return "char";
    case DT_BLK: return "block";
    default: return "unknown";
  }
}

Napi::Value changes_to_js(Napi::Env env, const std::vector<layer::Change>& changes) {
  Napi::Array array = Napi::Array::New(env, changes.size());
  for (std::size_t i = 0; i < changes.size(); ++i) {
    const layer::Change& change = changes[i];
    Napi::Object object = Napi::Object::New(env);
    object.Set("kind", std::string(1, static_cast<char>(change.kind)));
    object.Set("path", change.path);
    object.Set("type", type_name(change.type));
    object.Set("size", Napi::Number::New(env, static_cast<double>(change.size)));
    if (!is_utf8(change.path)) object.Set("pathBytes", to_buffer(env, change.path));
    array.Set(static_cast<std::uint32_t>(i), object);
  }
  return array;
}

Napi::Value changes(const Napi::CallbackInfo& info) {
  std::string diff = path_arg(info, 0);
  std::vector<std::string> parents = path_list_arg(info, 1);
  return async_call(
      info.Env(), {"scandir", diff}, {}, [diff, parents] { return layer::find_changes(diff, parents); },
      changes_to_js);
}

Napi::Value diff_size(const Napi::CallbackInfo& info) {
  std::string diff = path_arg(info, 0);
  return async_call(
      info.Env(), {"scandir", diff}, {}, [diff] { return layer::diff_size(diff); },
      [](Napi::Env env, std::uint64_t bytes) -> Napi::Value {
        return Napi::Number::New(env, static_cast<double>(bytes));
      });
}

Napi::Value tree_usage(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  return async_call(
      info.Env(), {"scandir", path}, {}, [path] { return layer::tree_usage(path); },
      [](Napi::Env env, const layer::TreeUsage& usage) -> Napi::Value {
        const auto number = [env](std::uint64_t bytes) -> Napi::Value {
          return Napi::Number::New(env, static_cast<double>(bytes));
        };
        Napi::Object object = Napi::Object::New(env);
        object.Set("bytesOnDisk", number(usage.bytes_on_disk));
        object.Set("apparentBytes", number(usage.apparent_bytes));
        object.Set("entries", number(usage.entries));
        object.Set("sharedBytes", usage.shared_bytes ? number(*usage.shared_bytes) : env.Null());
        return object;
      });
}

Napi::Value copy_tree(const Napi::CallbackInfo& info) {
  std::string from = path_arg(info, 0);
  std::string to = path_arg(info, 1);
  const layer::Owner owner = boolean_arg(info, 2) ? layer::Owner::kExact : layer::Owner::kIfPermitted;
  return async_call(
      info.Env(), {"copyfile", from, to}, {}, [from, to, owner] { return layer::copy_tree(from, to, owner); },
      [](Napi::Env env, const layer::CopyTreeOutcome& outcome) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("entries", Napi::Number::New(env, static_cast<double>(outcome.entries)));
        object.Set("bytes", Napi::Number::New(env, static_cast<double>(outcome.bytes)));
        object.Set("method", name_of(outcome.method));
        return object;
      });
}

Napi::Value find_children(const Napi::CallbackInfo& info) {
  std::string chains = path_arg(info, 0);
  std::string id = string_arg(info, 1);
  return async_call(
      info.Env(), {"scandir", chains}, {}, [chains, id] { return layer::find_children(chains, id); },
      [](Napi::Env env, const std::vector<std::string>& children) -> Napi::Value {
        Napi::Array array = Napi::Array::New(env, children.size());
        for (std::size_t i = 0; i < children.size(); ++i)
          array.Set(static_cast<std::uint32_t>(i), children[i]);
        return array;
      });
}

// The directory that holds the last component of `path`, and that component.
Status remove_path(const std::string& path) {
  const std::size_t end = path.find_last_not_of('/');
  if (end == std::string::npos) return Error{EBUSY, "unlinkat"};
  const std::size_t slash = path.find_last_of('/', end);
  const std::string dir = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const std::string name = path.substr(slash == std::string::npos ? 0 : slash + 1, end - slash);
  if (name == "." || name == "..") return Error{EINVAL, "unlinkat"};
  Result<UniqueFd> parent = sys::open_at(AT_FDCWD, dir.c_str(), O_PATH | O_DIRECTORY);
  if (failed_with(parent, ENOENT)) return ok();
  if (!parent) return parent.error();
  return aufs::remove_tree(parent->get(), name.c_str());
}

Napi::Value remove_tree(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 0);
  return async_call(info.Env(), {"rm", path}, {}, [path] { return remove_path(path); });
}

}  // namespace

void export_layers(Napi::Env env, Napi::Object exports) {
  exports.Set("changes", Napi::Function::New(env, changes));
  exports.Set("diffSize", Napi::Function::New(env, diff_size));
  exports.Set("treeUsage", Napi::Function::New(env, tree_usage));
  exports.Set("copyTree", Napi::Function::New(env, copy_tree));
  exports.Set("findChildren", Napi::Function::New(env, find_children));
  exports.Set("removeTree", Napi::Function::New(env, remove_tree));
}

}  // namespace aufs::node
