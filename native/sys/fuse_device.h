// SPDX-License-Identifier: MIT
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "base/unique_fd.h"

// /dev/fuse: requests in, replies out, and its ioctls.
namespace aufs::sys {

// Errors: ENOENT, ENODEV (no such device here), EACCES, EPERM.
Result<UniqueFd> open_fuse_device();

// A second descriptor of the connection of `session`, with a queue of its own for replies. Linux 4.2.
Result<UniqueFd> clone_fuse_device(int session);

// Waits for one request; the number of its bytes. Errors: ENODEV (unmounted), ENOENT (the request was withdrawn: read on),
// EINTR (a signal; not retried, that is how a reader is stopped).
Result<std::size_t> read_device(int device, std::span<std::byte> into) noexcept;

// Writes one reply or notification. Errors: ENOENT (nobody waits for it), ENODEV.
Status write_device(int device, std::span<const iovec> parts) noexcept;

// Registers `fd` as a backing file of the connection, for passthrough; the id is positive. Linux 6.9.
// Errors: EPERM (no CAP_SYS_ADMIN in the first user namespace, or passthrough was not negotiated), ELOOP (`fd` lies on a
// stacked file system), ENOTTY (older kernel).
Result<std::int32_t> open_backing(int device, int fd) noexcept;
Status close_backing(int device, std::int32_t id) noexcept;

}  // namespace aufs::sys
