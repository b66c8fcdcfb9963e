// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// Changes attributes in the writable branch, copying up first: all of the file, or, when it is truncated, what stays of it. Where the data
// of a large file is copied behind, its copy takes the change at once, but for set-id bits and capabilities.
Status set_attributes(Engine& engine, const NodePtr& node, const SetAttr& change);
// flags: XATTR_CREATE, XATTR_REPLACE.
Status set_xattr(Engine& engine, const NodePtr& node, const std::string& name, std::string_view value,
                 int flags);
Status remove_xattr(Engine& engine, const NodePtr& node, const std::string& name);

}  // namespace aufs
