// SPDX-License-Identifier: MIT
#pragma once

#include <sys/statvfs.h>

#include <cstdint>

#include "fuse/wire.h"
#include "union/union_fs.h"

// The engine's values as the kernel wants them on the wire.
namespace aufs::fuse {

wire::Attr to_wire(const Attr& attr) noexcept;
wire::Statx to_wire_statx(const Attr& attr) noexcept;
wire::StatfsOut to_wire(const struct statvfs& stat, std::size_t name_max) noexcept;
// Attributes that pass are for once, whatever the seconds.
wire::EntryOut to_entry(std::uint64_t nodeid, const Attr& attr, double entry_seconds,
                        double attr_seconds) noexcept;
wire::AttrOut to_attr_out(const Attr& attr, double seconds) noexcept;
SetAttr from_wire(const wire::SetattrIn& in) noexcept;

// Device numbers travel in 32 bits: 12 of the major, 20 of the minor number, the minor's upper 12 above the major.
std::uint32_t pack_device(dev_t device) noexcept;
dev_t unpack_device(std::uint32_t packed) noexcept;

struct WireTime {
  std::uint64_t seconds;
  std::uint32_t nanoseconds;
};
WireTime to_wire_time(double seconds) noexcept;

}  // namespace aufs::fuse
