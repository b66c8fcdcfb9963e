// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "union/branch.h"

namespace aufs {

// Makes the index (chain_index.h) of a chain, topmost branch first, as the file `path`, which takes the place of an older one when it is
// whole and on disk: until then it has no name, so that a crash leaves nothing. Another process may do the same at the same time.
// Permissions in `chain` are those of the stacks that will use it.
//
// Cost: reads every directory of the chain and stats every name that is seen; memory for the largest directory.
// `cancelled` is asked before each directory. Errors: ECANCELED; EXDEV if another file system is mounted in a branch; ERANGE for a time
// after the year 2262; EOPNOTSUPP where the file system has no O_TMPFILE; EACCES and others of what cannot be read.
Status write_chain_index(const std::vector<BranchSpec>& chain, const std::string& path,
                         const std::function<bool()>& cancelled);

}  // namespace aufs
