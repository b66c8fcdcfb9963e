// SPDX-License-Identifier: MIT
#include "sys/fuse_device.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "sys/call.h"

namespace aufs::sys {
namespace {

constexpr unsigned kMajor = 10;  // miscellaneous devices
constexpr unsigned kMinor = 229;

// Numbers of the protocol, so that older kernel headers do.
struct BackingMap {
  std::int32_t fd;
  std::uint32_t flags;
  std::uint64_t padding;
};
constexpr unsigned long kClone = _IOR(229, 0, std::uint32_t);
constexpr unsigned long kBackingOpen = _IOW(229, 1, BackingMap);
constexpr unsigned long kBackingClose = _IOW(229, 2, std::uint32_t);
static_assert(kClone == 0x8004e500 && kBackingOpen == 0x4010e501 && kBackingClose == 0x4004e502);

}  // namespace

Result<UniqueFd> open_fuse_device() {
  const int fd = retry_eintr([] { return ::open("/dev/fuse", O_RDWR | O_CLOEXEC); });
  if (fd < 0) return Error::last("open");
  UniqueFd device(fd);
  // Containers are known to put something else there.
  struct stat st {};
  if (::fstat(fd, &st) < 0) return Error::last("fstat");
  if (!S_ISCHR(st.st_mode) || st.st_rdev != makedev(kMajor, kMinor)) return Error{ENODEV, "open"};
  return device;
}

Result<UniqueFd> clone_fuse_device(int session) {
  AUFS_TRY(UniqueFd fd, open_fuse_device());
  std::uint32_t source = static_cast<std::uint32_t>(session);
  if (::ioctl(fd.get(), kClone, &source) < 0) return Error::last("ioctl");
  return fd;
}

Result<std::size_t> read_device(int device, std::span<std::byte> into) noexcept {
  const ssize_t got = ::read(device, into.data(), into.size());
  if (got < 0) return Error::last("read");
  return static_cast<std::size_t>(got);
}

Status write_device(int device, std::span<const iovec> parts) noexcept {
  return check(retry_eintr([&] { return ::writev(device, parts.data(), static_cast<int>(parts.size())); }),
               "writev");
}

Result<std::int32_t> open_backing(int device, int fd) noexcept {
  BackingMap map{fd, 0, 0};
  const int id = ::ioctl(device, kBackingOpen, &map);
  if (id < 0) return Error::last("ioctl");
  return static_cast<std::int32_t>(id);
}

Status close_backing(int device, std::int32_t id) noexcept {
  std::uint32_t number = static_cast<std::uint32_t>(id);
  return check(::ioctl(device, kBackingClose, &number), "ioctl");
}

}  // namespace aufs::sys
