// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <memory>
#include <string>
#include <utility>

#include "node/arguments.h"
#include "node/async_call.h"
#include "node/handle.h"
#include "node/path_walk.h"
#include "node/session.h"
#include "sys/process_control.h"

// Operations on a union as JavaScript calls them: argument 0 is the union, the rest is argument reading and lambdas.
namespace aufs::node {

inline Caller this_process() noexcept {
  return {sys::user_id(), sys::group_id()};
}
inline Last last_of(bool follow) noexcept {
  return follow ? Last::kFollow : Last::kKeep;
}

// What setattr is to change: ids (-1 stays), and the two times from argument `index` on (null stays).
SetAttr owner_change(std::int64_t uid, std::int64_t gid);
SetAttr times_change(const Napi::CallbackInfo& info, std::size_t index);

inline Napi::Value bytes_to_js(Napi::Env env, const std::string& bytes) {
  return to_buffer(env, bytes);
}
// What stat() gives, see Binding in lib/binding.ts.
Napi::Value attr_to_js(Napi::Env env, const Attr& attr);

// Runs work(UnionFs&) on a pool thread while the union cannot be closed. Errors: EBADF once it is.
template <typename Work, typename ToJs>
Napi::Value union_call(const Napi::CallbackInfo& info, Names names, Keep keep, Work work, ToJs to_js) {
  auto session = unwrap_handle<Session>(info, 0);
  return async_call(
      info.Env(), std::move(names), std::move(keep),
      [session = std::move(session), work = std::move(work)]() mutable { return session->use(work); },
      std::move(to_js));
}

template <typename Work>
Napi::Value union_call(const Napi::CallbackInfo& info, Names names, Work work) {
  return union_call(info, std::move(names), {}, std::move(work),
                    [](Napi::Env env, Unit) -> Napi::Value { return env.Undefined(); });
}

// The same with work(UnionFs&, node) on what the path in argument 1 leads to.
template <typename Work, typename ToJs>
Napi::Value node_call(const Napi::CallbackInfo& info, const char* operation, Last last, Work work,
                      ToJs to_js) {
  std::string path = path_arg(info, 1);
  Names names{operation, path};
  return union_call(
      info, std::move(names), {},
      [path = std::move(path), last,
       work = std::move(work)](UnionFs& fs) mutable -> decltype(work(fs, std::declval<const NodePtr&>())) {
        AUFS_TRY(const Found found, find(fs, path, last));
        return work(fs, found.node);
      },
      std::move(to_js));
}

template <typename Work>
Napi::Value node_call(const Napi::CallbackInfo& info, const char* operation, Last last, Work work) {
  return node_call(info, operation, last, std::move(work),
                   [](Napi::Env env, Unit) -> Napi::Value { return env.Undefined(); });
}

// Each adds its functions to `exports`.
void export_union(Napi::Env env, Napi::Object exports);
void export_branches(Napi::Env env, Napi::Object exports);
void export_names(Napi::Env env, Napi::Object exports);
void export_attributes(Napi::Env env, Napi::Object exports);
void export_files(Napi::Env env, Napi::Object exports);
void export_layers(Napi::Env env, Napi::Object exports);
void export_archives(Napi::Env env, Napi::Object exports);
void export_system(Napi::Env env, Napi::Object exports);
void export_processes(Napi::Env env, Napi::Object exports);

}  // namespace aufs::node
