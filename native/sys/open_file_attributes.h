// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

// Extended attributes of files that are open (not O_PATH): cheaper than by way of /proc.
namespace aufs::sys {

// NUL-separated names; empty where the file system has no extended attributes.
Result<std::string> list_open_xattr(int fd);
Result<std::string> get_open_xattr(int fd, const char* key);
Status set_open_xattr(int fd, const char* key, std::string_view value);

}  // namespace aufs::sys
