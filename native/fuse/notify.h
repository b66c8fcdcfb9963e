// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

// Tells the kernel, unasked, that what it remembers is old. It may wait there for a directory that another request holds, so no lock of
// the union may be held; an error means that there was nothing to forget.
namespace aufs::fuse {

// The file's attributes; cached pages stay. This one takes no lock that a request could hold.
void notify_attributes_changed(int device, std::uint64_t nodeid) noexcept;
// The directory's attributes and its listing.
void notify_directory_changed(int device, std::uint64_t nodeid) noexcept;
// A name, present or absent. It is asked for again at its next use; whoever stands there, or has it mounted over, stays.
void notify_name_changed(int device, std::uint64_t parent, std::string_view name) noexcept;
// Puts the whole data of a file into the kernel's page cache, so that it need not ask for it. It waits for pages that are being read or
// written: nobody may have the file open.
void notify_data(int device, std::uint64_t nodeid, std::span<const std::byte> data) noexcept;

}  // namespace aufs::fuse
