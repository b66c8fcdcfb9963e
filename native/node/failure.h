// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace aufs::node {

// What the JavaScript side calls the operation and its arguments; put on a rejection.
struct Names {
  const char* operation;  // string literal: "open", "scandir", … as node:fs has it
  std::optional<std::string> path{};
  std::optional<std::string> dest{};
};

// A plain Error { errno: -code, syscall: operation, via: the engine's system call, path?, dest? }. It has no `code` and
// no useful stack: lib/errors.ts makes a SystemError of it, on the caller's stack.
inline Napi::Error make_failure(Napi::Env env, Error error, const Names& names) {
  Napi::Error failure = Napi::Error::New(env, names.operation);
  Napi::Object value = failure.Value();
  value.Set("errno", Napi::Number::New(env, -error.code));
  value.Set("syscall", names.operation);
  value.Set("via", error.syscall);
  if (names.path) value.Set("path", *names.path);
  if (names.dest) value.Set("dest", *names.dest);
  return failure;
}

}  // namespace aufs::node
