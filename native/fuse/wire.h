// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

// The FUSE kernel protocol as it is on the wire: numbers and structures, little else. Sizes are asserted, so that the
// program builds with kernel headers of any age and still speaks 7.45 (Linux 6.18).
// Source: the kernel's protocol, version 7.31 to 7.45; field names follow the kernel's where they say something.
namespace aufs::fuse::wire {

inline constexpr std::uint32_t kMajor = 7;
inline constexpr std::uint32_t kMinor = 45;        // newest that this file knows
inline constexpr std::uint32_t kOldestMinor = 31;  // Linux 5.4
inline constexpr std::uint64_t kRootId = 1;

enum class Opcode : std::uint32_t {
  kLookup = 1,
  kForget = 2,
  kGetattr = 3,
  kSetattr = 4,
  kReadlink = 5,
  kSymlink = 6,
  kMknod = 8,
  kMkdir = 9,
  kUnlink = 10,
  kRmdir = 11,
  kRename = 12,
  kLink = 13,
  kOpen = 14,
  kRead = 15,
  kWrite = 16,
  kStatfs = 17,
  kRelease = 18,
  kFsync = 20,
  kSetxattr = 21,
  kGetxattr = 22,
  kListxattr = 23,
  kRemovexattr = 24,
  kFlush = 25,
  kInit = 26,
  kOpendir = 27,
  kReaddir = 28,
  kReleasedir = 29,
  kFsyncdir = 30,
  kAccess = 34,
  kCreate = 35,
  kInterrupt = 36,
  kDestroy = 38,
  kIoctl = 39,
  kPoll = 40,
  kBatchForget = 42,
  kFallocate = 43,
  kReaddirplus = 44,
  kRename2 = 45,
  kLseek = 46,
  kCopyFileRange = 47,
  kTmpfile = 51,
  kStatx = 52,
  kCopyFileRange64 = 53,
};
inline constexpr std::uint32_t kOpcodeEnd = 64;  // tables indexed by opcode have this size

// INIT flags; bits 32 and up travel in flags2 and count only together with kInitExt.
inline constexpr std::uint64_t kAsyncRead = 1ULL << 0;
inline constexpr std::uint64_t kAtomicTruncate = 1ULL << 3;
inline constexpr std::uint64_t kExportSupport = 1ULL << 4;
inline constexpr std::uint64_t kBigWrites = 1ULL << 5;
inline constexpr std::uint64_t kDontMask = 1ULL << 6;
inline constexpr std::uint64_t kAutoInvalData = 1ULL << 12;
inline constexpr std::uint64_t kDoReaddirplus = 1ULL << 13;
inline constexpr std::uint64_t kAsyncDirectIo = 1ULL << 15;
inline constexpr std::uint64_t kParallelDirops = 1ULL << 18;
inline constexpr std::uint64_t kPosixAcl = 1ULL << 20;
inline constexpr std::uint64_t kMaxPages = 1ULL << 22;
inline constexpr std::uint64_t kCacheSymlinks = 1ULL << 23;
inline constexpr std::uint64_t kExplicitInvalData = 1ULL << 25;
inline constexpr std::uint64_t kHandleKillprivV2 = 1ULL << 28;
inline constexpr std::uint64_t kSetxattrExt = 1ULL << 29;
inline constexpr std::uint64_t kInitExt = 1ULL << 30;
inline constexpr std::uint64_t kPassthrough = 1ULL << 37;
inline constexpr std::uint64_t kOverIoUring = 1ULL << 41;

// Commands over io_uring.
inline constexpr std::uint32_t kRingRegister = 1;        // here is room for a request
inline constexpr std::uint32_t kRingCommitAndFetch = 2;  // here is the reply, and room for the next request

// Flags of an open reply.
inline constexpr std::uint32_t kOpenKeepCache = 1U << 1;
inline constexpr std::uint32_t kOpenCacheDir = 1U << 3;
inline constexpr std::uint32_t kOpenNoFlush = 1U << 5;
inline constexpr std::uint32_t kOpenPassthrough = 1U << 7;

inline constexpr std::uint32_t kOpenKillSetId = 1U << 0;
inline constexpr std::uint32_t kWriteKillSetId = 1U << 2;
inline constexpr std::uint32_t kFsyncDataOnly = 1U << 0;
inline constexpr std::uint32_t kSetxattrAclKillSgid = 1U << 0;

// SetattrIn::valid
inline constexpr std::uint32_t kSetMode = 1U << 0;
inline constexpr std::uint32_t kSetUid = 1U << 1;
inline constexpr std::uint32_t kSetGid = 1U << 2;
inline constexpr std::uint32_t kSetSize = 1U << 3;
inline constexpr std::uint32_t kSetAtime = 1U << 4;
inline constexpr std::uint32_t kSetMtime = 1U << 5;
inline constexpr std::uint32_t kSetAtimeNow = 1U << 7;
inline constexpr std::uint32_t kSetMtimeNow = 1U << 8;
inline constexpr std::uint32_t kSetKillSetId = 1U << 11;

inline constexpr std::int32_t kNotifyInvalInode = 2;
inline constexpr std::int32_t kNotifyInvalEntry = 3;
inline constexpr std::int32_t kNotifyStore = 4;
inline constexpr std::uint32_t kExpireOnly =
    1U << 0;  // of INVAL_ENTRY, 7.38; older kernels drop the name instead

struct InHeader {
  std::uint32_t len, opcode;
  std::uint64_t unique, nodeid;
  std::uint32_t uid, gid, pid;
  std::uint16_t extensions, padding;  // `extensions` in units of 8 bytes; none is negotiated here
};
struct OutHeader {
  std::uint32_t len;
  std::int32_t error;  // 0 or -errno; the notify code when `unique` is 0
  std::uint64_t unique;
};

struct Attr {
  std::uint64_t ino, size, blocks, atime, mtime, ctime;
  std::uint32_t atimensec, mtimensec, ctimensec, mode, nlink, uid, gid, rdev, blksize, flags;
};
struct EntryOut {
  std::uint64_t nodeid, generation, entry_valid, attr_valid;  // seconds
  std::uint32_t entry_valid_nsec, attr_valid_nsec;
  Attr attr;
};
struct AttrOut {
  std::uint64_t attr_valid;
  std::uint32_t attr_valid_nsec, dummy;
  Attr attr;
};
struct SxTime {
  std::int64_t sec;
  std::uint32_t nsec;
  std::int32_t reserved;
};
struct Statx {
  std::uint32_t mask, blksize;
  std::uint64_t attributes;
  std::uint32_t nlink, uid, gid;
  std::uint16_t mode, spare0;
  std::uint64_t ino, size, blocks, attributes_mask;
  SxTime atime, btime, ctime, mtime;
  std::uint32_t rdev_major, rdev_minor, dev_major, dev_minor;
  std::uint64_t spare2[14];
};
struct StatxIn {
  std::uint32_t getattr_flags, reserved;
  std::uint64_t fh;
  std::uint32_t sx_flags, sx_mask;
};
struct StatxOut {
  std::uint64_t attr_valid;
  std::uint32_t attr_valid_nsec, flags;
  std::uint64_t spare[2];
  Statx stat;
};

struct ForgetIn {
  std::uint64_t nlookup;
};
struct ForgetOne {
  std::uint64_t nodeid, nlookup;
};
struct BatchForgetIn {
  std::uint32_t count, dummy;
};
struct GetattrIn {
  std::uint32_t flags, dummy;
  std::uint64_t fh;
};
struct SetattrIn {
  std::uint32_t valid, padding;
  std::uint64_t fh, size, lock_owner, atime, mtime, ctime;
  std::uint32_t atimensec, mtimensec, ctimensec, mode, unused4, uid, gid, unused5;
};
struct MknodIn {
  std::uint32_t mode, rdev, umask, padding;
};
struct MkdirIn {
  std::uint32_t mode, umask;
};
struct RenameIn {
  std::uint64_t newdir;
};
struct Rename2In {
  std::uint64_t newdir;
  std::uint32_t flags, padding;
};
struct LinkIn {
  std::uint64_t oldnodeid;
};
struct OpenIn {
  std::uint32_t flags, open_flags;
};
struct CreateIn {
  std::uint32_t flags, mode, umask, open_flags;
};
struct OpenOut {
  std::uint64_t fh;
  std::uint32_t open_flags;
  std::int32_t backing_id;
};
struct ReleaseIn {
  std::uint64_t fh;
  std::uint32_t flags, release_flags;
  std::uint64_t lock_owner;
};
struct ReadIn {
  std::uint64_t fh, offset;
  std::uint32_t size, read_flags;
  std::uint64_t lock_owner;
  std::uint32_t flags, padding;
};
struct WriteIn {
  std::uint64_t fh, offset;
  std::uint32_t size, write_flags;
  std::uint64_t lock_owner;
  std::uint32_t flags, padding;
};
struct WriteOut {
  std::uint32_t size, padding;
};
struct StatfsOut {
  std::uint64_t blocks, bfree, bavail, files, ffree;
  std::uint32_t bsize, namelen, frsize, padding, spare[6];
};
struct FlushIn {
  std::uint64_t fh;
  std::uint32_t unused, padding;
  std::uint64_t lock_owner;
};
struct FsyncIn {
  std::uint64_t fh;
  std::uint32_t flags, padding;
};
struct SetxattrIn {
  std::uint32_t size, flags;
  std::uint32_t setxattr_flags, padding;  // these two only with kSetxattrExt
};
struct GetxattrIn {
  std::uint32_t size, padding;
};
struct GetxattrOut {
  std::uint32_t size, padding;
};
struct LseekIn {
  std::uint64_t fh, offset;
  std::uint32_t whence, padding;
};
struct LseekOut {
  std::uint64_t offset;
};
struct FallocateIn {
  std::uint64_t fh, offset, length;
  std::uint32_t mode, padding;
};
struct CopyFileRangeIn {
  std::uint64_t fh_in, off_in, nodeid_out, fh_out, off_out, len, flags;
};
struct CopyFileRangeOut {
  std::uint64_t bytes_copied;
};
struct InitIn {
  std::uint32_t major, minor, max_readahead, flags;
  std::uint32_t flags2;  // from here on since 7.36
  std::uint32_t unused[11];
};
struct InitOut {
  std::uint32_t major, minor, max_readahead, flags;
  std::uint16_t max_background, congestion_threshold;
  std::uint32_t max_write, time_gran;
  std::uint16_t max_pages, map_alignment;
  std::uint32_t flags2, max_stack_depth;
  std::uint16_t request_timeout, unused[11];
};
struct Dirent {  // the name follows, padded with zeros to a multiple of 8
  std::uint64_t ino, off;
  std::uint32_t namelen, type;
};
struct Direntplus {
  EntryOut entry;
  Dirent dirent;
};
struct NotifyInvalInode {
  std::uint64_t nodeid;
  std::int64_t off, len;  // a negative `off`: attributes only
};

struct NotifyInvalEntry {  // the name and a NUL follow
  std::uint64_t parent;
  std::uint32_t namelen, flags;
};
struct NotifyStore {  // size bytes follow
  std::uint64_t nodeid, offset;
  std::uint32_t size, padding;
};
struct IoctlIn {  // in_size bytes follow
  std::uint64_t fh;
  std::uint32_t flags, cmd;
  std::uint64_t arg;
  std::uint32_t in_size, out_size;
};
struct IoctlOut {  // at most out_size bytes follow
  std::int32_t result;
  std::uint32_t flags, in_iovs, out_iovs;
};

struct RingEntry {
  std::uint64_t flags, commit_id;
  std::uint32_t payload_size, padding;
  std::uint64_t reserved;
};
struct RingHeader {          // what comes in over io_uring beside the payload, and what goes out
  std::byte header[128];     // InHeader, OutHeader
  std::byte operation[128];  // fixed part of a request; that of a reply is payload
  RingEntry entry;
};
struct RingCommand {
  std::uint64_t flags, commit_id;
  std::uint16_t queue;
  std::uint8_t padding[6];
};

template <typename T, std::size_t kSize>
inline constexpr bool kIs = sizeof(T) == kSize&& std::is_trivially_copyable_v<T>;
static_assert(kIs<InHeader, 40> && kIs<OutHeader, 16>);
static_assert(kIs<Attr, 88> && kIs<EntryOut, 128> && kIs<AttrOut, 104>);
static_assert(kIs<SxTime, 16> && kIs<Statx, 256> && kIs<StatxIn, 24> && kIs<StatxOut, 288>);
static_assert(kIs<ForgetIn, 8> && kIs<ForgetOne, 16> && kIs<BatchForgetIn, 8>);
static_assert(kIs<GetattrIn, 16> && kIs<SetattrIn, 88>);
static_assert(kIs<MknodIn, 16> && kIs<MkdirIn, 8> && kIs<RenameIn, 8> && kIs<Rename2In, 16> &&
              kIs<LinkIn, 8>);
static_assert(kIs<OpenIn, 8> && kIs<CreateIn, 16> && kIs<OpenOut, 16> && kIs<ReleaseIn, 24>);
static_assert(kIs<ReadIn, 40> && kIs<WriteIn, 40> && kIs<WriteOut, 8>);
static_assert(kIs<StatfsOut, 80> && kIs<FlushIn, 24> && kIs<FsyncIn, 16>);
static_assert(kIs<SetxattrIn, 16> && kIs<GetxattrIn, 8> && kIs<GetxattrOut, 8>);
static_assert(kIs<LseekIn, 24> && kIs<LseekOut, 8> && kIs<FallocateIn, 32>);
static_assert(kIs<CopyFileRangeIn, 56> && kIs<CopyFileRangeOut, 8>);
static_assert(kIs<InitIn, 64> && kIs<InitOut, 64>);
static_assert(kIs<Dirent, 24> && kIs<Direntplus, 152> && kIs<NotifyInvalInode, 24>);
static_assert(kIs<NotifyInvalEntry, 16> && kIs<NotifyStore, 24> && kIs<IoctlIn, 32> && kIs<IoctlOut, 16>);
static_assert(kIs<RingEntry, 32> && kIs<RingHeader, 288> && kIs<RingCommand, 24>);

}  // namespace aufs::fuse::wire
