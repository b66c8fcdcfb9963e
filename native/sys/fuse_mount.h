// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "base/result.h"

namespace aufs::sys {

// mount(2). Errors: EPERM without CAP_SYS_ADMIN, ENODEV (no such file system type), EINVAL (data refused).
Status mount_file_system(const char* source, const char* target, const char* type, unsigned long flags,
                         const char* data) noexcept;

enum class Unmount { kPlain, kLazy };
// umount2(2), without following a symlink in the last place. Errors: EBUSY (kPlain only), EINVAL (nothing mounted), EPERM.
Status unmount_file_system(const char* target, Unmount how) noexcept;

}  // namespace aufs::sys
