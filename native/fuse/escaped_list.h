// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace aufs::fuse {

// Splits at each `separator` that no backslash stands before. The parts keep their backslashes.
std::vector<std::string_view> split_escaped(std::string_view text, char separator);
// Position of the last `wanted` that no backslash stands before; npos if there is none.
std::size_t find_last_unescaped(std::string_view text, char wanted) noexcept;
// Each backslash gives way to the character after it; one at the end stays.
std::string unescape(std::string_view text);

}  // namespace aufs::fuse
