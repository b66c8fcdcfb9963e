// SPDX-License-Identifier: MIT
#include "sys/processors.h"

#include <charconv>

#include "sys/process_control.h"

namespace aufs::sys {
namespace {

constexpr unsigned kPastLast = 1U << 16;

// Reads a number and takes it away from the beginning of `text`; kPastLast if there is none.
unsigned take_number(std::string_view& text) noexcept {
  unsigned number = kPastLast;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || number > kPastLast) return kPastLast;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

}  // namespace

std::vector<unsigned> parse_processor_list(std::string_view text) {
  std::vector<unsigned> numbers;
  while (!text.empty() && text != "\n") {
    const unsigned first = take_number(text);
    unsigned last = first;
    if (text.starts_with('-')) {
      text.remove_prefix(1);
      last = take_number(text);
    }
    if (first == kPastLast || last == kPastLast || last < first) return {};
    for (unsigned number = first; number <= last; ++number) numbers.push_back(number);
    if (text.starts_with(',')) text.remove_prefix(1);
  }
  return numbers;
}

Result<Processors> processors() {
  AUFS_TRY(const std::string possible, read_text("/sys/devices/system/cpu/possible"));
  AUFS_TRY(const std::string online, read_text("/sys/devices/system/cpu/online"));
  Processors found{parse_processor_list(possible), parse_processor_list(online)};
  if (found.possible.empty() || found.online.empty()) return Error{ENOTSUP, "read"};
  return found;
}

}  // namespace aufs::sys
