// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <new>
#include <optional>
#include <utility>
#include <vector>

#include "base/result.h"
#include "node/failure.h"

namespace aufs::node {

// Values that must outlive the work: buffers whose memory it uses, handles.
using Keep = std::vector<Napi::ObjectReference>;

// Runs `work` on a libuv pool thread and settles a promise with what it gives.
//   work():        Result<T>; sees only C++ values, never Napi::*
//   to_js(env, T): Napi::Value; runs on the JavaScript thread after success
//   explain(env, Napi::Object): adds facts to the failure; runs on the JavaScript thread
template <typename Work, typename ToJs, typename Explain>
class AsyncCall final : public Napi::AsyncWorker {
 public:
  AsyncCall(Napi::Env env, Names names, Keep keep, Work work, ToJs to_js, Explain explain)
      : Napi::AsyncWorker(env, names.operation),
        deferred_(Napi::Promise::Deferred::New(env)),
        names_(std::move(names)),
        keep_(std::move(keep)),
        work_(std::move(work)),
        to_js_(std::move(to_js)),
        explain_(std::move(explain)) {}

  Napi::Promise promise() const { return deferred_.Promise(); }

 private:
  void Execute() override {
    try {
      result_.emplace(work_());
    } catch (const std::bad_alloc&) {
      result_.emplace(Error{ENOMEM, names_.operation});
    }
  }

  void OnOK() override {
    const Napi::Env env = Env();
    if (*result_) {
      try {
        deferred_.Resolve(to_js_(env, *std::move(*result_)));
      } catch (
          const Napi::Error& error) {  // no memory for the result, or a value that JavaScript cannot hold
        deferred_.Reject(error.Value());
      }
      return;
    }
    Napi::Error failure = make_failure(env, result_->error(), names_);
    explain_(env, failure.Value());
    deferred_.Reject(failure.Value());
  }

  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

  Napi::Promise::Deferred deferred_;
  Names names_;
  Keep keep_;
  Work work_;
  ToJs to_js_;
  Explain explain_;
  std::optional<decltype(std::declval<Work&>()())> result_;
};

template <typename Work, typename ToJs, typename Explain>
Napi::Value async_call(Napi::Env env, Names names, Keep keep, Work work, ToJs to_js, Explain explain) {
  auto* call = new AsyncCall<Work, ToJs, Explain>(env, std::move(names), std::move(keep), std::move(work),
                                                  std::move(to_js), std::move(explain));
  const Napi::Promise promise = call->promise();
  call->Queue();  // deletes itself when settled
  return promise;
}

template <typename Work, typename ToJs>
Napi::Value async_call(Napi::Env env, Names names, Keep keep, Work work, ToJs to_js) {
  return async_call(env, std::move(names), std::move(keep), std::move(work), std::move(to_js),
                    [](Napi::Env, Napi::Object) {});
}

// A call without a result: the promise resolves to undefined.
template <typename Work>
Napi::Value async_call(Napi::Env env, Names names, Keep keep, Work work) {
  return async_call(env, std::move(names), std::move(keep), std::move(work),
                    [](Napi::Env env_, Unit) -> Napi::Value { return env_.Undefined(); });
}

}  // namespace aufs::node
