// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace aufs::layer {

// RFC 4648 with padding.
void append_base64(std::string& to, std::string_view bytes);
// Padding may be missing; empty if there is a character that does not belong.
std::optional<std::string> base64_decoded(std::string_view text);

}  // namespace aufs::layer
