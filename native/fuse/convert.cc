// SPDX-License-Identifier: MIT
#include "fuse/convert.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>

namespace aufs::fuse {
namespace {

wire::SxTime to_sx_time(const struct timespec& time) noexcept {
  return {static_cast<std::int64_t>(time.tv_sec), static_cast<std::uint32_t>(time.tv_nsec), 0};
}

std::uint32_t u32(std::uint64_t value) noexcept {
  return static_cast<std::uint32_t>(value);
}

// Bits of statx(2)'s mask: everything basic, and the birth time.
constexpr std::uint32_t kBasicStats = 0x7ff;
constexpr std::uint32_t kBirthTime = 0x800;

}  // namespace

std::uint32_t pack_device(dev_t device) noexcept {
  const std::uint32_t high = major(device);
  const std::uint32_t low = minor(device);
  return (low & 0xff) | (high << 8) | ((low & ~0xffU) << 12);
}

dev_t unpack_device(std::uint32_t packed) noexcept {
  return makedev((packed >> 8) & 0xfff, (packed & 0xff) | ((packed >> 12) & 0xfff00));
}

WireTime to_wire_time(double seconds) noexcept {
  const double bounded = std::clamp(seconds, 0.0, 4e9);
  const auto whole = static_cast<std::uint64_t>(bounded);
  return {whole, static_cast<std::uint32_t>((bounded - static_cast<double>(whole)) * 1e9)};
}

wire::Attr to_wire(const Attr& attr) noexcept {
  const struct stat& st = attr.st;
  wire::Attr out{};
  out.ino = st.st_ino;
  out.size = static_cast<std::uint64_t>(st.st_size);
  out.blocks = static_cast<std::uint64_t>(st.st_blocks);
  out.atime = static_cast<std::uint64_t>(st.st_atim.tv_sec);
  out.mtime = static_cast<std::uint64_t>(st.st_mtim.tv_sec);
  out.ctime = static_cast<std::uint64_t>(st.st_ctim.tv_sec);
  out.atimensec = u32(st.st_atim.tv_nsec);
  out.mtimensec = u32(st.st_mtim.tv_nsec);
  out.ctimensec = u32(st.st_ctim.tv_nsec);
  out.mode = st.st_mode;
  out.nlink = u32(st.st_nlink);
  out.uid = st.st_uid;
  out.gid = st.st_gid;
  out.rdev = pack_device(st.st_rdev);
  out.blksize = u32(st.st_blksize);
  return out;
}

wire::Statx to_wire_statx(const Attr& attr) noexcept {
  const struct stat& st = attr.st;
  const bool has_birth = attr.btime.tv_sec != 0 || attr.btime.tv_nsec != 0;
  wire::Statx out{};
  out.mask = kBasicStats | (has_birth ? kBirthTime : 0);
  out.blksize = u32(st.st_blksize);
  out.nlink = u32(st.st_nlink);
  out.uid = st.st_uid;
  out.gid = st.st_gid;
  out.mode = static_cast<std::uint16_t>(st.st_mode);
  out.ino = st.st_ino;
  out.size = static_cast<std::uint64_t>(st.st_size);
  out.blocks = static_cast<std::uint64_t>(st.st_blocks);
  out.atime = to_sx_time(st.st_atim);
  out.btime = to_sx_time(attr.btime);
  out.ctime = to_sx_time(st.st_ctim);
  out.mtime = to_sx_time(st.st_mtim);
  out.rdev_major = major(st.st_rdev);
  out.rdev_minor = minor(st.st_rdev);
  return out;
}

wire::StatfsOut to_wire(const struct statvfs& stat, std::size_t name_max) noexcept {
  wire::StatfsOut out{};
  out.blocks = stat.f_blocks;
  out.bfree = stat.f_bfree;
  out.bavail = stat.f_bavail;
  out.files = stat.f_files;
  out.ffree = stat.f_ffree;
  out.bsize = u32(stat.f_bsize);
  out.namelen = u32(name_max);
  out.frsize = u32(stat.f_frsize);
  return out;
}

wire::EntryOut to_entry(std::uint64_t nodeid, const Attr& attr, double entry_seconds,
                        double attr_seconds) noexcept {
  const WireTime entry = to_wire_time(entry_seconds);
  const WireTime attributes = to_wire_time(attr.passing ? 0 : attr_seconds);
  return {nodeid,       0, entry.seconds, attributes.seconds, entry.nanoseconds, attributes.nanoseconds,
          to_wire(attr)};
}

wire::AttrOut to_attr_out(const Attr& attr, double seconds) noexcept {
  const WireTime valid = to_wire_time(attr.passing ? 0 : seconds);
  return {valid.seconds, valid.nanoseconds, 0, to_wire(attr)};
}

SetAttr from_wire(const wire::SetattrIn& in) noexcept {
  const auto has = [&in](std::uint32_t bit) { return (in.valid & bit) != 0; };
  const auto time = [](std::uint64_t seconds, std::uint32_t nanoseconds, bool now) {
    struct timespec value {};
    value.tv_sec = static_cast<time_t>(seconds);
    value.tv_nsec = now ? UTIME_NOW : static_cast<long>(nanoseconds);
    return value;
  };
  SetAttr change;
  if (has(wire::kSetMode)) change.mode = in.mode & 07777;
  if (has(wire::kSetUid)) change.uid = in.uid;
  if (has(wire::kSetGid)) change.gid = in.gid;
  if (has(wire::kSetSize)) change.size = static_cast<off_t>(in.size);
  if (has(wire::kSetAtime)) change.atime = time(in.atime, in.atimensec, has(wire::kSetAtimeNow));
  if (has(wire::kSetMtime)) change.mtime = time(in.mtime, in.mtimensec, has(wire::kSetMtimeNow));
  change.kill_set_id = has(wire::kSetKillSetId);
  return change;
}

}  // namespace aufs::fuse
