// SPDX-License-Identifier: MIT
#include "node/arguments.h"

#include <sys/stat.h>

#include <cmath>
#include <ctime>

namespace aufs::node {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

[[noreturn]] void refuse(Napi::Env env, std::size_t index, const char* expected) {
  throw Napi::TypeError::New(env, "argument " + std::to_string(index) + ": expected " + expected);
}

}  // namespace

std::string path_value(const Napi::Value& value, const char* what) {
  std::string path;
  if (value.IsString()) {
    path = value.As<Napi::String>().Utf8Value();
  } else if (value.IsTypedArray() && value.As<Napi::TypedArray>().TypedArrayType() == napi_uint8_array) {
    path = as_view(value.As<Napi::Uint8Array>());
  } else {
    throw Napi::TypeError::New(value.Env(), std::string(what) + ": expected a string or a Uint8Array");
  }
  if (path.find('\0') != std::string::npos) {
    throw Napi::TypeError::New(value.Env(), std::string(what) + ": expected no NUL byte");
  }
  return path;
}

std::string path_arg(const Napi::CallbackInfo& info, std::size_t index) {
  return path_value(info[index], "path");
}

std::vector<std::string> path_list_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsArray()) refuse(info.Env(), index, "an array of paths");
  const auto array = info[index].As<Napi::Array>();
  std::vector<std::string> paths;
  for (std::uint32_t i = 0; i < array.Length(); i++) paths.push_back(path_value(array.Get(i), "path"));
  return paths;
}

std::string string_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsString()) refuse(info.Env(), index, "a string");
  return info[index].As<Napi::String>().Utf8Value();
}

std::int64_t integer_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsNumber()) refuse(info.Env(), index, "a number");
  const double value = info[index].As<Napi::Number>().DoubleValue();
  constexpr double kMaxSafe = 9007199254740991.0;
  if (std::trunc(value) != value || std::abs(value) > kMaxSafe) refuse(info.Env(), index, "a safe integer");
  return static_cast<std::int64_t>(value);
}

bool boolean_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (!info[index].IsBoolean()) refuse(info.Env(), index, "a boolean");
  return info[index].As<Napi::Boolean>().Value();
}

Napi::Uint8Array bytes_arg(const Napi::CallbackInfo& info, std::size_t index) {
  const Napi::Value value = info[index];
  if (!value.IsTypedArray() || value.As<Napi::TypedArray>().TypedArrayType() != napi_uint8_array) {
    refuse(info.Env(), index, "a Uint8Array");
  }
  return value.As<Napi::Uint8Array>();
}

std::string_view as_view(const Napi::Uint8Array& bytes) {
  if (bytes.ByteLength() == 0) return {};
  return {reinterpret_cast<const char*>(bytes.Data()), bytes.ByteLength()};
}

struct timespec time_arg(const Napi::CallbackInfo& info, std::size_t index) {
  if (info[index].IsNull()) return {0, UTIME_OMIT};
  if (!info[index].IsBigInt()) refuse(info.Env(), index, "a bigint or null");
  bool lossless = false;
  const std::int64_t total = info[index].As<Napi::BigInt>().Int64Value(&lossless);
  if (!lossless) refuse(info.Env(), index, "a bigint of at most 64 bits");
  std::int64_t seconds = total / kNanosecondsPerSecond;
  std::int64_t rest = total % kNanosecondsPerSecond;
  if (rest < 0) {
    rest += kNanosecondsPerSecond;
    seconds--;
  }
  return {seconds, rest};
}

Napi::Value to_buffer(Napi::Env env, std::string_view bytes) {
  return Napi::Buffer<char>::Copy(env, bytes.data(), bytes.size());
}

}  // namespace aufs::node
