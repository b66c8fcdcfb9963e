// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

// AUFS whiteout names. A whiteout hides one name in every branch below it; an opaque directory hides all of them.
// Source: aufs(5), "WHITEOUT"; the OCI image specification ("Layers", "Whiteouts") uses the same names.
namespace aufs::whiteout {

inline constexpr std::string_view kPrefix = ".wh.";
inline constexpr std::string_view kOpaque = ".wh..wh..opq";
inline constexpr std::string_view kMetaPrefix = ".wh..wh.";  // housekeeping: never shown to users
inline constexpr std::string_view kBase = ".wh..wh.aufs";    // the inode that whiteouts are hard links of
inline constexpr std::string_view kPseudoLinks = ".wh..wh.plnk";
inline constexpr std::string_view kOrphans = ".wh..wh.orph";
inline constexpr std::string_view kTemporary = ".wh..wh.tmp.";  // ours: swept when the branch is opened

enum class Kind { kNone, kWhiteout, kOpaque, kMeta };

constexpr Kind classify(std::string_view name) noexcept {
  if (name.substr(0, kPrefix.size()) != kPrefix) return Kind::kNone;
  if (name == kOpaque) return Kind::kOpaque;
  if (name.substr(0, kMetaPrefix.size()) == kMetaPrefix) return Kind::kMeta;
  return Kind::kWhiteout;
}

static_assert(classify(".wh.foo") == Kind::kWhiteout);
static_assert(classify(".wh..hidden") == Kind::kWhiteout);
static_assert(classify(".wh..wh..opq") == Kind::kOpaque);
static_assert(classify(".wh..wh.plnk") == Kind::kMeta);
static_assert(classify("foo.wh.") == Kind::kNone);
static_assert(classify(".wh") == Kind::kNone);

// The name that a whiteout hides. `name` is of kind kWhiteout.
constexpr std::string_view hidden_name(std::string_view name) noexcept {
  return name.substr(kPrefix.size());
}
static_assert(hidden_name(".wh.foo") == "foo");

inline std::string name_for(std::string_view hidden) {
  std::string name(kPrefix);
  return name.append(hidden);
}

}  // namespace aufs::whiteout
