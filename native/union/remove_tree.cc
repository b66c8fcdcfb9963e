// SPDX-License-Identifier: MIT
#include "union/remove_tree.h"

#include <string>
#include <vector>

#include "sys/directory.h"
#include "sys/file_io.h"
#include "sys/names.h"

namespace aufs {
namespace {

Status unlink_if_there(int dir, const char* name) {
  const Status removed = sys::unlink(dir, name);
  return failed_with(removed, ENOENT) ? ok() : removed;
}

Status empty_directory(int dir) {
  std::vector<std::string> names;
  AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
    names.emplace_back(entry.name);
    return true;
  }));
  for (const std::string& name : names) AUFS_CHECK(remove_tree(dir, name.c_str()));
  return ok();
}

}  // namespace

Status remove_tree(int dir, const char* name) {
  const Status removed = unlink_if_there(dir, name);
  if (removed || (removed.error().code != EISDIR && removed.error().code != EPERM)) return removed;
  Result<UniqueFd> inside = sys::open_directory_here(dir, name);
  if (failed_with(inside, EXDEV)) return Error{EBUSY, "unlinkat"};
  if (!inside) return removed.error().code == EPERM ? removed : Status(inside.error());
  AUFS_CHECK(empty_directory(inside->get()));
  const Status gone = sys::rmdir(dir, name);
  return failed_with(gone, ENOENT) ? ok() : gone;
}

}  // namespace aufs
