// SPDX-License-Identifier: MIT
#pragma once

#include <string>

#include "layer/tar_entry.h"

namespace aufs::layer {

// The header blocks of an entry: ustar, with a PAX header before it for what ustar cannot say. Nothing but the entry decides
// about the bytes. `entry.mode` may have the type's bits in it. The map of a sparse entry comes along (form 1.0 of GNU's).
std::string format_entry(const TarEntry& entry);

// What ends an archive.
std::string format_end();

}  // namespace aufs::layer
