// SPDX-License-Identifier: MIT
#include "fuse/option_words.h"

#include <sys/mount.h>

namespace aufs::fuse {
namespace {

constexpr unsigned long kNoSymlinkFollow = 256;  // MS_NOSYMFOLLOW, Linux 5.10
constexpr unsigned long kAnyAtime = MS_NOATIME | MS_RELATIME | MS_STRICTATIME;
constexpr unsigned long kUserMount = MS_NOSUID | MS_NODEV | MS_NOEXEC;

constexpr FlagWord kFlagWords[] = {
    {"ro", MS_RDONLY, 0},
    {"rw", 0, MS_RDONLY},
    {"suid", 0, MS_NOSUID},
    {"nosuid", MS_NOSUID, 0},
    {"dev", 0, MS_NODEV},
    {"nodev", MS_NODEV, 0},
    {"exec", 0, MS_NOEXEC},
    {"noexec", MS_NOEXEC, 0},
    {"atime", 0, MS_NOATIME},
    {"noatime", MS_NOATIME, kAnyAtime},
    {"relatime", MS_RELATIME, kAnyAtime},
    {"norelatime", 0, MS_RELATIME},
    {"strictatime", MS_STRICTATIME, kAnyAtime},
    {"nostrictatime", 0, MS_STRICTATIME},
    {"diratime", 0, MS_NODIRATIME},
    {"nodiratime", MS_NODIRATIME, 0},
    {"sync", MS_SYNCHRONOUS, 0},
    {"async", 0, MS_SYNCHRONOUS},
    {"dirsync", MS_DIRSYNC, 0},
    {"lazytime", MS_LAZYTIME, 0},
    {"nolazytime", 0, MS_LAZYTIME},
    {"nosymfollow", kNoSymlinkFollow, 0},
    {"symfollow", 0, kNoSymlinkFollow},
    {"silent", MS_SILENT, 0},
    {"loud", 0, MS_SILENT},
    {"defaults", 0, MS_RDONLY | kUserMount | MS_SYNCHRONOUS},
    {"user", kUserMount, 0},
    {"users", kUserMount, 0},
    {"owner", MS_NOSUID | MS_NODEV, 0},
    {"group", MS_NOSUID | MS_NODEV, 0},
};

using enum Stance;
constexpr KnownWord kKnownWords[] = {
    // AUFS
    {"xino", "", kAccepted, "inode numbers are stable without a table on disk"},
    {"noxino", "", kAccepted, "inode numbers are stable without a table on disk"},
    {"trunc_xino", "", kAccepted, "there is no inode number table"},
    {"trunc_xino_path", "", kAccepted, "there is no inode number table"},
    {"notrunc_xino", "", kAccepted, "there is no inode number table"},
    {"itrunc_xino", "", kAccepted, "there is no inode number table"},
    {"plink", "", kAccepted, "hard links are always kept"},
    {"noplink", "", kAccepted, "hard links are always kept"},
    {"list_plink", "", kAccepted, "there is nothing to list"},
    {"clean_plink", "", kAccepted, "links are completed at unmount"},
    {"sum", "", kAccepted, "statfs tells of the writable branch"},
    {"nosum", "", kAccepted, "statfs tells of the writable branch"},
    {"wsum", "", kAccepted, "statfs tells of the writable branch"},
    {"dio", "", kAccepted, "O_DIRECT works"},
    {"nodio", "", kAccepted, "O_DIRECT works"},
    {"acl", "", kAccepted, "ACLs of the branches hold"},
    {"warn_perm", "", kAccepted, "no such warnings"},
    {"nowarn_perm", "", kAccepted, "no such warnings"},
    {"verbose", "", kAccepted, "nothing is printed on success"},
    {"noverbose", "", kAccepted, "nothing is printed on success"},
    {"v", "", kAccepted, "nothing is printed on success"},
    {"quiet", "", kAccepted, "nothing is printed on success"},
    {"q", "", kAccepted, "nothing is printed on success"},
    {"dirwh", "", kAccepted, "directories full of whiteouts are removed whole"},
    {"rdcache", "", kAccepted, "listings are cached by the kernel"},
    {"rdblk", "", kAccepted, "sizes follow the directory"},
    {"rdhash", "", kAccepted, "sizes follow the directory"},
    {"coo", "none", kAccepted, "open alone copies nothing up"},
    {"coo", "", kRefused, "copy_up on open is not supported"},
    {"refrof", "", kAccepted, "read-only branches are always kept"},
    {"norefrof", "", kAccepted, "read-only branches are always kept"},
    {"si", "", kAccepted, "an AUFS mount shows it, it asks for nothing"},
    {"add", "", kRefused, "it belongs after remount: node-aufs mount -o remount,…, or node-aufs branch"},
    {"ins", "", kRefused, "it belongs after remount: node-aufs mount -o remount,…, or node-aufs branch"},
    {"append", "", kRefused, "it belongs after remount: node-aufs mount -o remount,…, or node-aufs branch"},
    {"prepend", "", kRefused, "it belongs after remount: node-aufs mount -o remount,…, or node-aufs branch"},
    {"del", "", kRefused, "it belongs after remount: node-aufs mount -o remount,…, or node-aufs branch"},
    {"mod", "", kRefused, "it belongs after remount: node-aufs mount -o remount,…, or node-aufs branch"},
    // overlayfs
    {"redirect_dir", "", kAccepted, "directories are renamed as `dirren` says"},
    {"index", "", kAccepted, "hard links are always kept"},
    {"metacopy", "", kAccepted, "copy_up shares or copies the data"},
    {"nfs_export", "off", kAccepted, "it is what is done"},
    {"nfs_export", "", kRefused, "file handles do not outlive the server"},
    {"userxattr", "", kAccepted, "whiteouts are plain files"},
    {"uuid", "", kAccepted, "a FUSE mount has no uuid"},
    {"override_creds", "", kAccepted, "the server has its own rights"},
    {"datadir+", "", kRefused, "data-only layers are not supported"},
    {"verity", "off", kAccepted, "it is what is done"},
    {"verity", "", kRefused, "fs-verity is not checked"},
    // fuse-overlayfs
    {"squash_to_root", "", kRefused, "owners are shown as they are"},
    {"squash_to_uid", "", kRefused, "owners are shown as they are"},
    {"squash_to_gid", "", kRefused, "owners are shown as they are"},
    {"uidmapping", "", kRefused, "owners are shown as they are"},
    {"gidmapping", "", kRefused, "owners are shown as they are"},
    {"xattr_permissions", "", kRefused, "owners are shown as they are"},
    {"plugins", "", kRefused, "there are no plugins"},
    {"noxattrs", "", kRefused, "extended attributes are shown as they are"},
    {"static_nlink", "", kAccepted, "link counts of directories cost nothing"},
    {"fast_ino", "", kAccepted, "inode numbers cost nothing"},
    {"noacl", "", kAccepted, "ACLs of the branches hold"},
    {"clone_fd", "", kAccepted, "always done where the kernel can"},
    {"threaded", "", kAccepted, "see `threads`"},
    // libfuse
    {"default_permissions", "", kAccepted, "always on"},
    {"auto_unmount", "", kAccepted, "always done"},
    {"kernel_cache", "", kAccepted, "always on"},
    {"auto_cache", "", kAccepted, "the kernel's cache is always right"},
    {"big_writes", "", kAccepted, "always on"},
    {"max_read", "", kAccepted, "negotiated with the kernel"},
    {"max_write", "", kAccepted, "negotiated with the kernel"},
    {"subtype", "", kAccepted, "the type shown is always fuse.node-aufs"},
    {"allow_root", "", kRefused, "use allow_other: the kernel checks permissions"},
    {"noforget", "", kRefused, "nothing outlives the kernel's interest"},
    // mount(8)
    {"remount", "", kRefused, "only branches can be changed on a running mount: node-aufs branch"},
    {"bind", "", kRefused, "that is mount(8)'s own work"},
    {"rbind", "", kRefused, "that is mount(8)'s own work"},
    {"move", "", kRefused, "that is mount(8)'s own work"},
    {"auto", "", kAccepted, "for mount -a"},
    {"noauto", "", kAccepted, "for mount -a"},
    {"nofail", "", kAccepted, "for mount -a"},
    {"_netdev", "", kAccepted, "for mount -a"},
    {"nouser", "", kAccepted, "for mount(8)"},
    {"comment", "", kAccepted, "a remark"},
    {"mand", "", kAccepted, "gone from Linux 5.15"},
    {"nomand", "", kAccepted, "gone from Linux 5.15"},
    {"iversion", "", kAccepted, "the kernel counts changes itself"},
    {"noiversion", "", kAccepted, "the kernel counts changes itself"},
};

}  // namespace

const FlagWord* find_flag_word(std::string_view word) noexcept {
  for (const FlagWord& row : kFlagWords) {
    if (row.word == word) return &row;
  }
  return nullptr;
}

const KnownWord* find_known_word(std::string_view word, std::string_view value) noexcept {
  for (const KnownWord& row : kKnownWords) {
    if (row.word == word && (row.value.empty() || row.value == value)) return &row;
  }
  return nullptr;
}

}  // namespace aufs::fuse
