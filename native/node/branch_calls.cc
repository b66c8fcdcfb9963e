// SPDX-License-Identifier: MIT
// The branches of a union in this process, looked at and changed while it is in use.
#include "node/union_call.h"

namespace aufs::node {
namespace {

// unionBranches(union): [path, perm, path, perm, …]
Napi::Value branches(const Napi::CallbackInfo& info) {
  return union_call(
      info, {"branches"}, {}, [](UnionFs& fs) -> Result<std::vector<BranchSpec>> { return fs.branches(); },
      [](Napi::Env env, const std::vector<BranchSpec>& specs) -> Napi::Value {
        auto list = Napi::Array::New(env, 2 * specs.size());
        for (std::uint32_t i = 0; i < specs.size(); ++i) {
          list[2 * i] = Napi::String::New(env, specs[i].path);
          list[2 * i + 1] = Napi::String::New(env, perm_text(specs[i].perm));
        }
        return list;
      });
}

Napi::Value insert_branch(const Napi::CallbackInfo& info) {
  const std::int64_t at = integer_arg(info, 1);
  std::string path = path_arg(info, 2);
  std::string perm = string_arg(info, 3);
  return union_call(info, {"insert_branch", path}, [at, path, perm](UnionFs& fs) -> Status {
    AUFS_TRY(const BranchPerm parsed, parse_perm(perm));
    if (at < 0) return Error{EINVAL, "branch_position"};
    StackChange change;
    return fs.insert_branch(static_cast<std::size_t>(at), {path, parsed}, change);
  });
}

// Paths that keep a branch busy, if that is why a change failed; empty if it was made.
Result<std::vector<std::string>> users_or_error(const Status& changed, StackChange change) {
  if (changed || !change.users.empty()) return std::move(change.users);
  return changed.error();
}

Napi::Value users_to_js(Napi::Env env, const std::vector<std::string>& users) {
  auto list = Napi::Array::New(env, users.size());
  for (std::uint32_t i = 0; i < users.size(); ++i) list[i] = Napi::String::New(env, users[i]);
  return list;
}

Napi::Value remove_branch(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  std::string path = path_arg(info, 1);
  Names names{"remove_branch", path};
  return union_call(
      info, std::move(names), {},
      [session, path](UnionFs& fs) -> Result<std::vector<std::string>> {
        StackChange change;
        const Status removed = fs.remove_branch(path, session->open_directories(), change);
        return users_or_error(removed, std::move(change));
      },
      users_to_js);
}

Napi::Value change_branch(const Napi::CallbackInfo& info) {
  std::string path = path_arg(info, 1);
  std::string perm = string_arg(info, 2);
  Names names{"change_branch", path};
  return union_call(
      info, std::move(names), {},
      [path, perm](UnionFs& fs) -> Result<std::vector<std::string>> {
        AUFS_TRY(const BranchPerm parsed, parse_perm(perm));
        StackChange change;
        const Status changed = fs.change_branch(path, parsed, change);
        return users_or_error(changed, std::move(change));
      },
      users_to_js);
}

}  // namespace

void export_branches(Napi::Env env, Napi::Object exports) {
  exports.Set("unionBranches", Napi::Function::New(env, branches));
  exports.Set("unionInsertBranch", Napi::Function::New(env, insert_branch));
  exports.Set("unionRemoveBranch", Napi::Function::New(env, remove_branch));
  exports.Set("unionChangeBranch", Napi::Function::New(env, change_branch));
}

}  // namespace aufs::node
