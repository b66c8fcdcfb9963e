// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <memory>
#include <utility>

namespace aufs::node {

// A C++ value in JavaScript's hands: an opaque object that carries a shared_ptr and a type tag, so that a handle of
// another kind, or any other object, is refused with TypeError instead of being misread. `T` has
//   static constexpr napi_type_tag kTag{…};   and   static constexpr const char* kName = "UnionHandle";
// The value lives until the object is collected and no running call has it any more.
template <typename T>
Napi::Value wrap_handle(Napi::Env env, std::shared_ptr<T> value) {
  Napi::Object object = Napi::Object::New(env);
  auto owner = std::make_unique<std::shared_ptr<T>>(std::move(value));
  const auto drop = [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<T>*>(data); };
  napi_status status = napi_wrap(env, object, owner.get(), drop, nullptr, nullptr);
  if (status == napi_ok) owner.release();
  if (status == napi_ok) status = napi_type_tag_object(env, object, &T::kTag);
  if (status != napi_ok) throw Napi::Error::New(env);
  return object;
}

template <typename T>
std::shared_ptr<T> unwrap_handle(const Napi::CallbackInfo& info, std::size_t index) {
  const Napi::Value value = info[index];
  bool matches = false;
  void* data = nullptr;
  const bool found = value.IsObject() &&
                     napi_check_object_type_tag(info.Env(), value, &T::kTag, &matches) == napi_ok &&
                     matches && napi_unwrap(info.Env(), value, &data) == napi_ok;
  if (!found) throw Napi::TypeError::New(info.Env(), std::string("expected a ") + T::kName);
  return *static_cast<std::shared_ptr<T>*>(data);
}

}  // namespace aufs::node
