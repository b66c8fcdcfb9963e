// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace aufs::fuse {

// Why the server cannot start. `code` is stable and documented (docs/errors.md); the message says what was tried and what
// to do next.
struct Failure {
  const char* code;     // "ERR_…"
  int number;           // errno, 0 if no system call said no
  std::string message;  // without newline
  std::string path;     // that it is about; may be empty

  // Exit code of the process: 64 for a wrong command line, else 1.
  int exit_code() const noexcept { return std::string_view(code) == "ERR_USAGE" ? 64 : 1; }
};

// A value or the reason to stop. Result<T> is for system calls; this is for what a person has to read.
template <typename T>
class [[nodiscard]] Outcome {
 public:
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  T& operator*() noexcept { return *std::get_if<0>(&state_); }
  const T& operator*() const noexcept { return *std::get_if<0>(&state_); }
  T* operator->() noexcept { return std::get_if<0>(&state_); }
  const T* operator->() const noexcept { return std::get_if<0>(&state_); }
  const Failure& failure() const noexcept { return *std::get_if<1>(&state_); }

 private:
  std::variant<T, Failure> state_;
};

using MaybeFailure = std::optional<Failure>;

// ": No such file or directory"
std::string reason_of(int number);

}  // namespace aufs::fuse
