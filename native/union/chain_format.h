// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

// The file of a chain index (chain_index.h), as it is on disk. Numbers are those of the machine that made it: a file of another byte
// order or version is as good as none. All parts begin at a multiple of eight bytes.
//
//   Header   LayerId[layers]   block of directory 0 (the root)   …   block of the last one   u64[directories]: where each block is
//   a block: Block   BlockLayer[layers]   BlockTrace[traces]   Entry[entries]   the bytes of all names
namespace aufs::chain_format {

inline constexpr std::array<char, 8> kMagic{'a', 'u', 'f', 's', 'i', 'd', 'x', '1'};
inline constexpr std::uint32_t kByteOrder = 0x01020304;
inline constexpr std::uint32_t kNone = 0xffffffff;

struct Header {
  std::array<char, 8> magic;
  std::uint32_t byte_order;
  std::uint32_t layers;
  std::uint64_t user_map;  // of the user namespace that owners are told in
  std::uint64_t size;      // of the whole file in bytes
  std::uint64_t table;     // where the table of blocks begins
  std::uint32_t directories;
  std::uint32_t unused;
};

// Times are nanoseconds since 1970.

// The root of a layer, so that another directory in its place is noticed.
struct LayerId {
  std::uint64_t ino;
  std::int64_t birth;
  std::int64_t changed;
  std::int64_t modified;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t whiteouts;  // 1: they were honoured
  std::uint32_t unused;
};

struct Block {
  std::uint32_t layers;
  std::uint32_t traces;
  std::uint32_t entries;
  std::uint32_t names;  // bytes
  std::int32_t opaque;  // the layer in which the directory is opaque, or -1
  std::uint32_t subdirs;
};

// A layer that has the directory, and when it last changed there.
struct BlockLayer {
  std::int64_t changed;
  std::int64_t modified;
  std::uint32_t layer;
  std::uint32_t unused;
};

// What one layer has under a name: Trace of dir_index.h.
struct BlockTrace {
  std::uint64_t ino;
  std::uint32_t layer;
  std::uint8_t whiteout;
  std::uint8_t type;
  std::uint16_t unused;
};

// A name. What is seen there has the attributes that stat(2) gives in its layer; a name that is hidden has none.
struct Entry {
  std::uint64_t ino;
  std::uint64_t size;  // of a device node: its number
  std::int64_t blocks;
  std::int64_t accessed;
  std::int64_t modified;
  std::int64_t changed;
  std::int64_t birth;
  std::uint32_t mode;
  std::uint32_t links;
  std::uint32_t uid;
  std::uint32_t gid;
  std::uint32_t block_size;
  std::uint32_t name;  // where it begins among the names
  std::uint16_t name_size;
  std::int16_t top;           // the layer that is seen; -1: hidden
  std::uint32_t first_trace;  // of more than one, or of a whiteout; without any the entry says it all
  std::uint32_t traces;
  std::uint32_t directory;  // its own block; kNone: not a directory
  std::uint8_t type;        // DT_*
  std::uint8_t immutable;
  std::uint8_t append_only;
  std::uint8_t unused[5];
};

static_assert(sizeof(Header) == 48 && sizeof(LayerId) == 48 && sizeof(Block) == 24 &&
              sizeof(BlockLayer) == 24 && sizeof(BlockTrace) == 16 && sizeof(Entry) == 104);
static_assert(std::is_trivially_copyable_v<Entry> && alignof(Entry) == 8);

}  // namespace aufs::chain_format
