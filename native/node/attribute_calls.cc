// SPDX-License-Identifier: MIT
// Changing attributes, extended ones too, and copy_up on demand.
#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "node/union_call.h"

namespace aufs::node {
namespace {

Napi::Value set_attributes(const Napi::CallbackInfo& info, const char* operation, Last last, SetAttr change) {
  return node_call(info, operation, last, [change](UnionFs& fs, const NodePtr& node) -> Status {
    const Result<Attr> changed = fs.setattr(node, change);
    return changed ? ok() : Status(changed.error());
  });
}

Napi::Value chmod(const Napi::CallbackInfo& info) {
  SetAttr change;
  change.mode = static_cast<mode_t>(integer_arg(info, 2)) & 07777;
  return set_attributes(info, "chmod", Last::kFollow, change);
}

Napi::Value chown(const Napi::CallbackInfo& info) {
  SetAttr change = owner_change(integer_arg(info, 2), integer_arg(info, 3));
  const bool follow = boolean_arg(info, 4);
  return set_attributes(info, follow ? "chown" : "lchown", last_of(follow), change);
}

Napi::Value utimes(const Napi::CallbackInfo& info) {
  const bool follow = boolean_arg(info, 4);
  return set_attributes(info, follow ? "utime" : "lutime", last_of(follow), times_change(info, 2));
}

Napi::Value truncate(const Napi::CallbackInfo& info) {
  SetAttr change;
  change.size = integer_arg(info, 2);
  return set_attributes(info, "truncate", Last::kFollow, change);
}

Napi::Value get_xattr(const Napi::CallbackInfo& info) {
  std::string name = string_arg(info, 2);
  return node_call(
      info, "getxattr", last_of(boolean_arg(info, 3)),
      [name](UnionFs& fs, const NodePtr& node) -> Result<std::string> { return fs.getxattr(node, name); },
      bytes_to_js);
}

Napi::Value list_xattr(const Napi::CallbackInfo& info) {
  return node_call(
      info, "listxattr", last_of(boolean_arg(info, 2)),
      [](UnionFs& fs, const NodePtr& node) -> Result<std::string> { return fs.listxattr(node); },
      bytes_to_js);
}

Napi::Value set_xattr(const Napi::CallbackInfo& info) {
  std::string name = string_arg(info, 2);
  std::string value(as_view(bytes_arg(info, 3)));
  const int flags = static_cast<int>(integer_arg(info, 4));
  return node_call(info, "setxattr", last_of(boolean_arg(info, 5)),
                   [name, value, flags](UnionFs& fs, const NodePtr& node) -> Status {
                     return fs.setxattr(node, name, value, flags);
                   });
}

Napi::Value remove_xattr(const Napi::CallbackInfo& info) {
  std::string name = string_arg(info, 2);
  return node_call(info, "removexattr", last_of(boolean_arg(info, 3)),
                   [name](UnionFs& fs, const NodePtr& node) -> Status { return fs.removexattr(node, name); });
}

// Makes objects of many copy_ups: names of properties are made once.
class CopyUpObjects {
 public:
  explicit CopyUpObjects(Napi::Env env)
      : env_(env),
        path_(Napi::String::New(env, "path")),
        method_(Napi::String::New(env, "method")),
        bytes_(Napi::String::New(env, "bytes")),
        nanoseconds_(Napi::String::New(env, "nanoseconds")) {}

  Napi::Object of(const CopyUpEvent& event) const {
    Napi::Object object = Napi::Object::New(env_);
    object.Set(path_, Napi::String::New(env_, event.path));
    object.Set(method_, Napi::String::New(env_, name_of(event.method)));
    object.Set(bytes_, Napi::Number::New(env_, static_cast<double>(event.bytes)));
    object.Set(nanoseconds_, Napi::Number::New(env_, static_cast<double>(event.nanoseconds)));
    return object;
  }

 private:
  Napi::Env env_;
  Napi::String path_;
  Napi::String method_;
  Napi::String bytes_;
  Napi::String nanoseconds_;
};

using Clock = std::chrono::steady_clock;

// Small files are through by then; of large ones others may take the rest, and a failure elsewhere is not told long afterwards.
constexpr std::chrono::milliseconds kTurn{50};
// So many paths are looked up before the first is copied.
constexpr std::size_t kTogether = 64;

// Copies up what the next paths after `events` lead to, and adds what each cost. The engine reports a copy_up on the thread that asked for it, which
// is this one.
Status copy_up_some(UnionFs& fs, NearbyPaths& nearby, const std::vector<std::string>& paths,
                    std::vector<CopyUpEvent>& events, Clock::time_point turn_ends) {
  std::vector<NodePtr> nodes;
  Status found = ok();
  const std::size_t end = std::min(paths.size(), events.size() + kTogether);
  for (std::size_t at = events.size(); at < end && found; ++at) {
    Result<Found> next = nearby.find(paths[at]);
    if (next) nodes.push_back(std::move(next->node));
    else found = next.error();
  }
  std::vector<std::optional<CopyUpEvent>> made;
  Session::Log::forget_mine();
  const Status copied = fs.copy_up(nodes, [&](std::size_t) {
    const CopyUpEvent* const mine = Session::Log::mine();
    made.push_back(mine != nullptr ? std::optional(*mine) : std::nullopt);
    Session::Log::forget_mine();
    return Clock::now() < turn_ends;
  });
  for (std::size_t place = 0; place < made.size(); ++place) {
    if (!made[place]) {
      AUFS_TRY(std::string name, fs.path_of(nodes[place]));
      made[place] = CopyUpEvent{std::move(name), CopyMethod::kNone, 0, 0};
    }
    events.push_back(*std::move(made[place]));
  }
  return copied ? found : copied;
}

// copyUp(union, paths): one after the other, until one fails or the turn is over.
Napi::Value copy_up(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  const auto paths = std::make_shared<const std::vector<std::string>>(path_list_arg(info, 1));
  const auto done = std::make_shared<std::vector<CopyUpEvent>>();
  const auto run = [session, paths, done] {
    return session->use([&](UnionFs& fs) -> Status {
      NearbyPaths nearby(fs);
      const Clock::time_point end = Clock::now() + kTurn;
      while (done->size() < paths->size() && Clock::now() < end) {
        AUFS_CHECK(copy_up_some(fs, nearby, *paths, *done, end));
      }
      return ok();
    });
  };
  const auto to_js = [done](Napi::Env env, Unit) -> Napi::Value {
    Napi::Array events = Napi::Array::New(env, done->size());
    const CopyUpObjects objects(env);
    for (std::uint32_t at = 0; at < done->size(); ++at) events.Set(at, objects.of((*done)[at]));
    return events;
  };
  const auto explain = [paths, done](Napi::Env, Napi::Object failure) {
    if (done->size() < paths->size()) failure.Set("path", (*paths)[done->size()]);
  };
  return async_call(info.Env(), {"copy_up"}, {}, run, to_js, explain);
}

Napi::Value take_copy_ups(const Napi::CallbackInfo& info) {
  auto session = unwrap_handle<Session>(info, 0);
  Napi::Array events = Napi::Array::New(info.Env());
  std::uint32_t count = 0;
  const CopyUpObjects objects(info.Env());
  for (const CopyUpEvent& event : session->log().take()) events.Set(count++, objects.of(event));
  return events;
}

Napi::Value flush_hard_links(const Napi::CallbackInfo& info) {
  return union_call(info, {"link"}, [](UnionFs& fs) -> Status { return fs.flush_hard_links(); });
}

Napi::Value sync(const Napi::CallbackInfo& info) {
  return union_call(info, {"syncfs"}, [](UnionFs& fs) -> Status { return fs.sync(); });
}

}  // namespace

SetAttr owner_change(std::int64_t uid, std::int64_t gid) {
  SetAttr change;
  if (uid >= 0) change.uid = static_cast<uid_t>(uid);
  if (gid >= 0) change.gid = static_cast<gid_t>(gid);
  return change;
}

SetAttr times_change(const Napi::CallbackInfo& info, std::size_t index) {
  SetAttr change;
  change.atime = time_arg(info, index);
  change.mtime = time_arg(info, index + 1);
  return change;
}

void export_attributes(Napi::Env env, Napi::Object exports) {
  exports.Set("chmod", Napi::Function::New(env, chmod));
  exports.Set("chown", Napi::Function::New(env, chown));
  exports.Set("utimes", Napi::Function::New(env, utimes));
  exports.Set("truncate", Napi::Function::New(env, truncate));
  exports.Set("getxattr", Napi::Function::New(env, get_xattr));
  exports.Set("listxattr", Napi::Function::New(env, list_xattr));
  exports.Set("setxattr", Napi::Function::New(env, set_xattr));
  exports.Set("removexattr", Napi::Function::New(env, remove_xattr));
  exports.Set("copyUp", Napi::Function::New(env, copy_up));
  exports.Set("takeCopyUps", Napi::Function::New(env, take_copy_ups));
  exports.Set("flushHardLinks", Napi::Function::New(env, flush_hard_links));
  exports.Set("sync", Napi::Function::New(env, sync));
}

}  // namespace aufs::node
