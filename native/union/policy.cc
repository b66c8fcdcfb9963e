// SPDX-License-Identifier: MIT
#include "union/policy.h"

#include <charconv>

namespace aufs {
namespace {

enum class Takes : std::uint8_t { kNothing, kSeconds, kBytes };

struct CreateWord {
  std::string_view name;
  CreateRule rule;
  Takes takes;  // kBytes: and then, optionally, seconds
};

constexpr CreateWord kCreateWords[] = {
    {"tdp", CreateRule::kTopDownParent, Takes::kNothing},
    {"top-down-parent", CreateRule::kTopDownParent, Takes::kNothing},
    {"rr", CreateRule::kRoundRobin, Takes::kNothing},
    {"round-robin", CreateRule::kRoundRobin, Takes::kNothing},
    {"mfs", CreateRule::kMostFree, Takes::kSeconds},
    {"most-free-space", CreateRule::kMostFree, Takes::kSeconds},
    {"mfsrr", CreateRule::kMostFreeRoundRobin, Takes::kBytes},
    {"most-free-space-and-rr", CreateRule::kMostFreeRoundRobin, Takes::kBytes},
    {"tdmfs", CreateRule::kTopDownMostFree, Takes::kBytes},
    {"pmfs", CreateRule::kParentMostFree, Takes::kSeconds},
    {"pmfsrr", CreateRule::kParentMostFreeRoundRobin, Takes::kBytes},
};

struct CopyUpWord {
  std::string_view name;
  CopyUpPolicy policy;
};

constexpr CopyUpWord kCopyUpWords[] = {
    {"tdp", CopyUpPolicy::kTopDownParent},  {"top-down-parent", CopyUpPolicy::kTopDownParent},
    {"bup", CopyUpPolicy::kBottomUpParent}, {"bottom-up-parent", CopyUpPolicy::kBottomUpParent},
    {"bu", CopyUpPolicy::kBottomUp},        {"bottom-up", CopyUpPolicy::kBottomUp},
};

constexpr std::uint64_t kMaxExpire = 3600;  // seconds; AUFS's limit

// What stands before the next colon, which is taken off `text` too.
std::string_view take_field(std::string_view& text) {
  const std::size_t colon = text.find(':');
  const std::string_view field = text.substr(0, colon);
  text.remove_prefix(colon == std::string_view::npos ? text.size() : colon + 1);
  return field;
}

Result<std::uint64_t> number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return Error{EINVAL, "create_policy"};
  return value;
}

}  // namespace

Result<CreatePolicy> parse_create_policy(std::string_view text) {
  const std::string_view name = take_field(text);
  for (const CreateWord& word : kCreateWords) {
    if (word.name != name) continue;
    CreatePolicy policy;
    policy.rule = word.rule;
    if (word.takes == Takes::kBytes) {
      AUFS_TRY(policy.watermark, number(take_field(text)));
    }
    if (word.takes != Takes::kNothing && !text.empty()) {
      AUFS_TRY(const std::uint64_t seconds, number(take_field(text)));
      if (seconds > kMaxExpire) return Error{EINVAL, "create_policy"};
      policy.expire = std::chrono::seconds(seconds);
    }
    if (!text.empty()) return Error{EINVAL, "create_policy"};
    return policy;
  }
  return Error{EINVAL, "create_policy"};
}

Result<CopyUpPolicy> parse_copy_up_policy(std::string_view text) {
  for (const CopyUpWord& word : kCopyUpWords) {
    if (word.name == text) return word.policy;
  }
  return Error{EINVAL, "copy_up_policy"};
}

}  // namespace aufs
