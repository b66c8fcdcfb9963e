// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include "sys/inode_flags.h"
#include "union/engine.h"

// The flags of chattr(1). A branch's file system obeys those of its own files; what a read-only branch's file forbids is
// forbidden here, for what is done to it through the union is done to a copy or a whiteout.
namespace aufs {

Result<std::uint32_t> flags_of(Engine& engine, const NodePtr& node);
Result<sys::ExtendedFlags> extended_flags_of(Engine& engine, const NodePtr& node);
// Both copy the file up.
Status change_flags(Engine& engine, const NodePtr& node, std::uint32_t flags);
Status change_extended_flags(Engine& engine, const NodePtr& node, const sys::ExtendedFlags& flags);

// A copy of an append-only file is append-only too, where this process may do that.
void keep_append_only(Engine& engine, const NodePtr& node);

enum class Change : std::uint8_t {
  kAddition,  // data at the end of a file, a name in a directory, times of now
  kAny,
};
// Errors: EPERM if a flag forbids the change. Of what is in a writable branch its file system will say so itself.
Status check_flags(Engine& engine, const NodePtr& node, Change change);
// The same for any change, by attributes that are known. The caller holds node.state.
Status check_flags(Engine& engine, const Node& node, const Attr& attr);
// For names that are to go from a directory, whatever branch that is in.
Status check_directory_flags(Engine& engine, const NodePtr& dir);
// The same for a name that is to go from `parent`, if it is there, and for what it leads to; or else to come.
Status check_flags(Engine& engine, const NodePtr& parent, const std::string& name);
// The same for what it leads to alone.
Status check_entry_flags(Engine& engine, const NodePtr& parent, const std::string& name);

}  // namespace aufs
