// SPDX-License-Identifier: MIT
#pragma once

#include "base/result.h"

namespace aufs {

// Deletes `name` in the directory `dir` with all below it; never leaves `dir`, follows no symlink, enters no other mount
// (EBUSY). Directories that their owner may not write to are opened up. A name that is not there is no error. Errors: those of
// unlinkat(2); what could be deleted before the error is gone.
Status remove_tree(int dir, const char* name);

}  // namespace aufs
