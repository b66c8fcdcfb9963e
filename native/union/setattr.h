// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// Changes attributes in the writable branch, copying up first: all of the file, or, when it is truncated, what stays of it.
Status set_attributes(Engine& engine, const NodePtr& node, const SetAttr& change);

}  // namespace aufs
