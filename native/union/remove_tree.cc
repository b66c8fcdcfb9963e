// SPDX-License-Identifier: MIT
#include "union/remove_tree.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <string>
#include <vector>

#include "sys/attributes.h"
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

// Gives the owner of a directory, who is not root, the right to empty it. False if that was not what was missing.
bool grant(int dir) {
  const Result<struct stat> st = sys::stat_fd(dir);
  if (!st || (st->st_mode & S_IRWXU) == S_IRWXU) return false;
  return static_cast<bool>(sys::chmod_at(dir, "", S_IRWXU));
}

Result<UniqueFd> open_to_empty(int dir, const char* name) {
  Result<UniqueFd> inside = sys::open_directory_here(dir, name);
  if (!failed_with(inside, EACCES)) return inside;
  AUFS_TRY(const UniqueFd place, sys::open_at(dir, name, O_PATH | O_DIRECTORY | O_NOFOLLOW));
  if (!grant(place.get())) return inside;
  return sys::open_directory_here(dir, name);
}

}  // namespace

Status remove_tree(int dir, const char* name) {
  const Status removed = unlink_if_there(dir, name);
  if (removed || (removed.error().code != EISDIR && removed.error().code != EPERM)) return removed;
  Result<UniqueFd> inside = open_to_empty(dir, name);
  if (failed_with(inside, EXDEV)) return Error{EBUSY, "unlinkat"};
  if (!inside) return removed.error().code == EPERM ? removed : Status(inside.error());
  Status emptied = empty_directory(inside->get());
  if (failed_with(emptied, EACCES) && grant(inside->get())) emptied = empty_directory(inside->get());
  if (!emptied) return emptied;
  const Status gone = sys::rmdir(dir, name);
  return failed_with(gone, ENOENT) ? ok() : gone;
}

}  // namespace aufs
