// SPDX-License-Identifier: MIT
// Servers as processes of their own.
#include <utility>
#include <vector>

#include "node/union_call.h"
#include "sys/programs.h"

namespace aufs::node {
namespace {

// startProgram(program, args, environment)
Napi::Value start_program(const Napi::CallbackInfo& info) {
  std::string program = path_arg(info, 0);
  std::vector<std::string> arguments = path_list_arg(info, 1);
  arguments.insert(arguments.begin(), program);
  std::vector<std::string> environment = path_list_arg(info, 2);
  return async_call(
      info.Env(), {"spawn", program}, {},
      [arguments = std::move(arguments), environment = std::move(environment)] {
        return sys::start_program(arguments, environment);
      },
      [](Napi::Env env, sys::Started started) -> Napi::Value {
        Napi::Object object = Napi::Object::New(env);
        object.Set("pid", started.process);
        object.Set("control", started.control.release());
        object.Set("errors", started.errors.release());
        return object;
      });
}

// endOf(pid): null while it runs.
Napi::Value end_of(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto exit = sys::wait_without_blocking(static_cast<pid_t>(integer_arg(info, 0)));
  if (!exit) throw make_failure(env, exit.error(), {"waitpid"});
  if (!*exit) return env.Null();
  Napi::Object object = Napi::Object::New(env);
  object.Set("code", (*exit)->code);
  object.Set("signal", (*exit)->signal);
  return object;
}

}  // namespace

void export_processes(Napi::Env env, Napi::Object exports) {
  exports.Set("startProgram", Napi::Function::New(env, start_program));
  exports.Set("endOf", Napi::Function::New(env, end_of));
}

}  // namespace aufs::node
