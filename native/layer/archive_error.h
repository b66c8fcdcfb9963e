// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>

#include "base/result.h"

// What is wrong with an archive, told as an Error whose `syscall` begins "archive: ". The rest of that text is for people, the
// errno says which kind it is; lib/store/archive_error.ts makes typed errors of them.
namespace aufs::layer {

// The bytes are no archive, or not a whole one.
constexpr Error damaged(const char* what) noexcept {
  return {EBADMSG, what};
}
// An entry wants to be where it must not be.
constexpr Error unsafe(const char* what) noexcept {
  return {EXDEV, what};
}
// More than the caller allows.
constexpr Error over_limit(const char* what) noexcept {
  return {EFBIG, what};
}
// What was read while it was archived changed.
constexpr Error changed(const char* what) noexcept {
  return {ESTALE, what};
}

}  // namespace aufs::layer
