// SPDX-License-Identifier: MIT
#pragma once

#include <napi.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

// Reading arguments. lib/ validates what users say; these only make sure that a wrong call throws TypeError instead of
// doing harm.
namespace aufs::node {

// A string (as UTF-8) or the bytes of a Uint8Array. Throws TypeError for anything else and for a NUL inside.
std::string path_arg(const Napi::CallbackInfo& info, std::size_t index);
std::string path_value(const Napi::Value& value, const char* what);
std::vector<std::string> path_list_arg(const Napi::CallbackInfo& info, std::size_t index);
std::string string_arg(const Napi::CallbackInfo& info, std::size_t index);
std::int64_t integer_arg(const Napi::CallbackInfo& info, std::size_t index);
bool boolean_arg(const Napi::CallbackInfo& info, std::size_t index);
// A Uint8Array; its memory stays valid as long as the array is kept.
Napi::Uint8Array bytes_arg(const Napi::CallbackInfo& info, std::size_t index);
std::string_view as_view(const Napi::Uint8Array& bytes);

// Nanoseconds as bigint; null: leave the time as it is (UTIME_OMIT).
struct timespec time_arg(const Napi::CallbackInfo& info, std::size_t index);

// A Buffer that holds a copy of `bytes`.
Napi::Value to_buffer(Napi::Env env, std::string_view bytes);

}  // namespace aufs::node
