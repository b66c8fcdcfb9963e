// SPDX-License-Identifier: MIT
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

// Extended headers: "LENGTH KEY=VALUE\n" over and over. Source: POSIX.1-2017, pax, "pax Extended Header".
namespace aufs::layer {

struct PaxRecord {
  std::string key;
  std::string value;
};

// Records in their order; a key may come several times (GNU.sparse.offset does).
class PaxRecords {
 public:
  // EBADMSG unless `text` is nothing but well-formed records.
  static Result<PaxRecords> parse(std::string_view text);

  void add(std::string_view key, std::string_view value) {
    records_.push_back({std::string(key), std::string(value)});
  }
  // The last one with this key.
  const std::string* find(std::string_view key) const noexcept;
  void clear() noexcept { records_.clear(); }
  bool empty() const noexcept { return records_.empty(); }
  const std::vector<PaxRecord>& all() const noexcept { return records_; }
  std::string format() const;

 private:
  std::vector<PaxRecord> records_;
};

// Decimal digits and nothing else; empty if it is no number of 63 bits.
std::optional<std::int64_t> parse_decimal(std::string_view text) noexcept;
// Seconds with an optional fraction, which is cut after nanoseconds. Negative times are before 1970.
std::optional<struct timespec> parse_time(std::string_view text) noexcept;
// The shortest text that parse_time() reads as this.
std::string format_time(const struct timespec& time);

}  // namespace aufs::layer
