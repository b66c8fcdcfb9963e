// SPDX-License-Identifier: MIT
#pragma once

#include "union/engine.h"

namespace aufs {

// The node that `name` leads to. The caller holds no Directory::lock.
Result<Found> lookup(Engine& engine, const NodePtr& parent, std::string_view name);

// The node behind an entry of parent's index. The caller holds parent->dir->lock, shared or exclusively.
Result<Found> node_for(Engine& engine, const NodePtr& parent, const std::string& name,
                       const NameEntry& entry);

// The same, with attributes that were asked for already.
Result<Found> node_with(Engine& engine, const NodePtr& parent, const std::string& name,
                        const NameEntry& entry, Attr attr);

// The live node of a file that is known by this name, without a question to its branch; null if that has to be asked. The caller
// holds parent->dir->lock.
NodePtr known_node(Engine& engine, const NodePtr& parent, const std::string& name, const NameEntry& entry);

// As node_for, for who does not need the attributes: a node that is known costs no system call.
Result<NodePtr> entry_node(Engine& engine, const NodePtr& parent, const std::string& name,
                           const NameEntry& entry);

// The live node behind an entry, or null; makes none.
Result<NodePtr> live_node(Engine& engine, const NodePtr& parent, const std::string& name,
                          const NameEntry& entry);

// A copy of the entry of `name`, if the name is visible; ENOENT otherwise. Takes Directory::lock.
Result<NameEntry> visible_entry(Engine& engine, const NodePtr& parent, const std::string& name);

// All visible names, with the inode numbers that stat gives.
Result<std::vector<DirEntry>> list_directory(Engine& engine, const NodePtr& dir);

// What the chain index says of the node, where its data, or its topmost directory, is what that tells of; null: the branch has to be
// asked. The caller holds node->state.
const chain_format::Entry* record_of(const Engine& engine, const Node& node);

// Attributes as the union shows them. The caller does not hold node->state.
Result<Attr> attributes(Engine& engine, const NodePtr& node);
// The same for whoever holds it. `backing`, if not null, gets what the branch says.
Result<Attr> attributes_held(Engine& engine, const NodePtr& node, struct stat* backing = nullptr);

}  // namespace aufs
