// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <utility>
#include <variant>

namespace aufs {

// Why a system call failed. Cheap to copy and never allocates, so a FUSE request can fail without touching the heap.
// Paths are added at the edge of the library (native/node), where the caller's argument is known.
struct [[nodiscard]] Error {
  int code;             // errno, always > 0
  const char* syscall;  // string literal: "openat2", "linkat", …
  static Error last(const char* syscall) noexcept { return {errno, syscall}; }
};

// A value or the reason there is none: two states, never empty. Engine functions return this and do not throw;
// std::bad_alloc is the one exception that may pass through them.
template <typename T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, error) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  const T& operator*() const& noexcept { return *std::get_if<0>(&state_); }
  T& operator*() & noexcept { return *std::get_if<0>(&state_); }
  T&& operator*() && noexcept { return std::move(*std::get_if<0>(&state_)); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  Error error() const noexcept { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Error> state_;
};

struct Unit {};
using Status = Result<Unit>;
inline Status ok() {
  return Unit{};
}

// True if `result` failed with the errno `code`.
template <typename T>
bool failed_with(const Result<T>& result, int code) noexcept {
  return !result && result.error().code == code;
}

}  // namespace aufs

#define AUFS_CONCAT_INNER(a, b) a##b
#define AUFS_CONCAT(a, b) AUFS_CONCAT_INNER(a, b)
#define AUFS_TRY_IMPL(tmp, decl, expr) \
  auto tmp = (expr);                   \
  if (!tmp) return tmp.error();        \
  decl = *std::move(tmp)

// AUFS_TRY(decl, expr): unwraps `expr` into `decl`, or returns its error from the enclosing function.
#define AUFS_TRY(decl, expr) AUFS_TRY_IMPL(AUFS_CONCAT(aufs_try_, __COUNTER__), decl, expr)
// AUFS_CHECK(status): returns the error of `status` from the enclosing function, if there is one.
#define AUFS_CHECK(expr)                                                     \
  do {                                                                       \
    if (auto aufs_status = (expr); !aufs_status) return aufs_status.error(); \
  } while (false)
