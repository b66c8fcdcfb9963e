// SPDX-License-Identifier: MIT
#include "layer/pax.h"

#include <algorithm>
#include <charconv>

#include "layer/archive_error.h"

namespace aufs::layer {
namespace {

constexpr Error kBadRecord = damaged("archive: an extended header is not made of records");
constexpr std::size_t kNanosecondDigits = 9;

// The length counts its own digits.
std::size_t record_length(std::size_t without) {
  std::size_t length = without + 1;
  while (std::to_string(length).size() + without > length) ++length;
  return length;
}

bool is_digit(char c) noexcept {
  return c >= '0' && c <= '9';
}

}  // namespace

std::optional<std::int64_t> parse_decimal(std::string_view text) noexcept {
  std::int64_t value = 0;
  if (text.empty() || !is_digit(text.front())) return std::nullopt;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<struct timespec> parse_time(std::string_view text) noexcept {
  const bool negative = text.starts_with('-');
  if (negative) text.remove_prefix(1);
  const std::size_t dot = text.find('.');
  const std::optional<std::int64_t> seconds = parse_decimal(text.substr(0, dot));
  if (!seconds) return std::nullopt;
  std::string_view fraction = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  if (!std::all_of(fraction.begin(), fraction.end(), is_digit)) return std::nullopt;
  fraction = fraction.substr(0, kNanosecondDigits);
  long nanoseconds = 0;
  for (std::size_t i = 0; i < kNanosecondDigits; ++i) {
    nanoseconds = nanoseconds * 10 + (i < fraction.size() ? fraction[i] - '0' : 0);
  }
  if (!negative) return timespec{*seconds, nanoseconds};
  if (nanoseconds == 0) return timespec{-*seconds, 0};
  return timespec{-*seconds - 1, 1'000'000'000 - nanoseconds};
}

std::string format_time(const struct timespec& time) {
  std::int64_t seconds = time.tv_sec;
  long nanoseconds = time.tv_nsec;
  std::string text;
  if (seconds < 0) {
    text += '-';
    if (nanoseconds != 0) {
      seconds += 1;
      nanoseconds = 1'000'000'000 - nanoseconds;
    }
    seconds = -seconds;
  }
  text += std::to_string(seconds);
  if (nanoseconds == 0) return text;
  const std::string digits = std::to_string(nanoseconds);
  text.append(".").append(kNanosecondDigits - digits.size(), '0').append(digits);
  text.erase(text.find_last_not_of('0') + 1);
  return text;
}

Result<PaxRecords> PaxRecords::parse(std::string_view text) {
  PaxRecords records;
  while (!text.empty()) {
    const std::size_t blank = text.find(' ');
    if (blank == std::string_view::npos) return kBadRecord;
    const std::optional<std::int64_t> length = parse_decimal(text.substr(0, blank));
    if (!length || *length < 0 || static_cast<std::uint64_t>(*length) > text.size()) return kBadRecord;
    const auto size = static_cast<std::size_t>(*length);
    if (size < blank + 2 || text[size - 1] != '\n') return kBadRecord;
    const std::string_view record = text.substr(blank + 1, size - blank - 2);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) return kBadRecord;
    records.add(record.substr(0, equals), record.substr(equals + 1));
    text.remove_prefix(size);
  }
  return records;
}

const std::string* PaxRecords::find(std::string_view key) const noexcept {
  const auto at = std::find_if(records_.rbegin(), records_.rend(),
                               [&](const PaxRecord& record) { return record.key == key; });
  return at == records_.rend() ? nullptr : &at->value;
}

std::string PaxRecords::format() const {
  std::string text;
  for (const auto& [key, value] : records_) {
    const std::size_t length = record_length(key.size() + value.size() + 3);
    text.append(std::to_string(length)).append(" ").append(key).append("=").append(value).append("\n");
  }
  return text;
}

}  // namespace aufs::layer
