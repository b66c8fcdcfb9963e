// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include "fuse/server.h"

// Looking at the branches of a mount and changing them while it is in use.
namespace aufs::fuse {

// Obeys one command and gives the answer, a line of JSON. A command is words, each ended by a NUL:
//   list FIRST                 {"ok":true,"total":N,"branches":[{"path":…,"perm":…}…]} from number FIRST on, as many as fit
//   insert POSITION PERM PATH  0 is topmost
//   remove PATH [DIRECTORY…]   paths in the union, relative to its root, that somebody is known to stand in
//   change PATH PERM
// A failure is {"ok":false,"code":…,"errno":…,"message":…,"path":…,"users":[…]}. `device` takes the notifications to the
// kernel. The caller holds no lock.
std::string obey_control(Server& server, std::string_view command, int device);

}  // namespace aufs::fuse
