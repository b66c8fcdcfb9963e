// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

// New entries. All fail with EEXIST if the name is visible, EROFS without a writable branch, ENOENT in a removed
// directory. A whiteout of the name in the writable branch goes, and a directory made in its place becomes opaque.
namespace aufs {

Result<Found> make_node(Engine& engine, const NodePtr& parent, const std::string& name, mode_t mode,
                        dev_t rdev, Caller caller);
Result<Found> make_directory(Engine& engine, const NodePtr& parent, const std::string& name, mode_t mode,
                             Caller caller);
Result<Found> make_symlink(Engine& engine, const NodePtr& parent, const std::string& name,
                           const std::string& target, Caller caller);
// `*opened` is the new file, open read-write; see adopt_open().
Result<Found> make_open_file(Engine& engine, const NodePtr& parent, const std::string& name, mode_t mode,
                             Caller caller, SharedFd* opened);
// A file without a name; link_node() may give it one.
Result<Found> make_unnamed_file(Engine& engine, const NodePtr& parent, mode_t mode, Caller caller,
                                SharedFd* opened);
// A further name for `node`. Errors: EPERM for a directory, ENOENT for an unlinked file, those of linkat(2).
Result<Found> link_node(Engine& engine, const NodePtr& node, const NodePtr& parent, const std::string& name);

}  // namespace aufs
