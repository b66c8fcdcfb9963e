// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/sysmacros.h>

#include <cstring>
#include <string>
#include <vector>

#include "fuse/convert.h"
#include "fuse/dirent_writer.h"
#include "fuse/handshake.h"
#include "fuse/protocol.h"

namespace aufs::fuse {
namespace {

// A request as the kernel would write it: header, fixed part, then `tail` as it is.
template <typename T>
std::vector<std::byte> request(wire::Opcode opcode, const T& fixed, std::size_t fixed_size,
                               std::string_view tail) {
  std::vector<std::byte> bytes(sizeof(wire::InHeader) + fixed_size + tail.size());
  wire::InHeader header{};
  header.len = static_cast<std::uint32_t>(bytes.size());
  header.opcode = static_cast<std::uint32_t>(opcode);
  header.unique = 8;
  header.nodeid = 1;
  std::memcpy(bytes.data(), &header, sizeof header);
  std::memcpy(bytes.data() + sizeof header, &fixed, fixed_size);
  std::memcpy(bytes.data() + sizeof header + fixed_size, tail.data(), tail.size());
  return bytes;
}

std::vector<std::byte> request(wire::Opcode opcode, std::string_view tail) {
  return request(opcode, 0, 0, tail);
}

Result<Request> parse(const std::vector<std::byte>& bytes, Dialect dialect = {}) {
  wire::InHeader header;
  return parse_request(bytes, dialect, &header);
}

using std::string_view_literals::operator""sv;

TEST(FuseProtocol, ReadsAName) {
  const auto bytes = request(wire::Opcode::kLookup, "etc\0"sv);
  const auto parsed = parse(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->name, "etc");
  EXPECT_EQ(parsed->header.unique, 8U);
}

TEST(FuseProtocol, RefusesANameWithoutEnd) {
  EXPECT_TRUE(failed_with(parse(request(wire::Opcode::kLookup, "etc")), EINVAL));
}
TEST(FuseProtocol, RefusesAnEmptyName) {
  EXPECT_TRUE(failed_with(parse(request(wire::Opcode::kUnlink, "\0"sv)), EINVAL));
}
TEST(FuseProtocol, RefusesAPathAsName) {
  EXPECT_TRUE(failed_with(parse(request(wire::Opcode::kMkdir, wire::MkdirIn{}, 8, "a/b\0"sv)), EINVAL));
}

TEST(FuseProtocol, RefusesAShortOrLyingHeader) {
  auto bytes = request(wire::Opcode::kLookup, "etc\0"sv);
  EXPECT_TRUE(failed_with(parse({bytes.begin(), bytes.begin() + 39}), EPROTO));
  bytes.push_back(std::byte{0});
  EXPECT_TRUE(failed_with(parse(bytes), EPROTO));
}

TEST(FuseProtocol, ReadsTwoNames) {
  const auto bytes = request(wire::Opcode::kRename2, wire::Rename2In{7, 2, 0}, 16, "old\0new\0"sv);
  const auto parsed = parse(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->name, "old");
  EXPECT_EQ(parsed->second, "new");
  EXPECT_EQ(parsed->as<wire::Rename2In>().newdir, 7U);
}

TEST(FuseProtocol, ASymlinkTargetMayBeAPath) {
  const auto bytes = request(wire::Opcode::kSymlink, "name\0/some/where\0"sv);
  const auto parsed = parse(bytes);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->second, "/some/where");
}

TEST(FuseProtocol, WriteDataIsWhatTheHeaderSays) {
  wire::WriteIn in{};
  in.size = 4;
  EXPECT_EQ(parse(request(wire::Opcode::kWrite, in, sizeof in, "data"))->data.size(), 4U);
  EXPECT_TRUE(failed_with(parse(request(wire::Opcode::kWrite, in, sizeof in, "dat")), EINVAL));
}

TEST(FuseProtocol, ForgetsAreCounted) {
  const wire::BatchForgetIn in{2, 0};
  EXPECT_EQ(parse(request(wire::Opcode::kBatchForget, in, sizeof in, std::string(32, '\1')))->data.size(),
            32U);
  const wire::BatchForgetIn lie{0xffffffff, 0};
  EXPECT_TRUE(failed_with(parse(request(wire::Opcode::kBatchForget, lie, sizeof lie, std::string(32, '\1'))),
                          EINVAL));
}

TEST(FuseProtocol, SetxattrHasTwoForms) {
  wire::SetxattrIn in{};
  in.size = 3;
  const auto parsed_long = parse(request(wire::Opcode::kSetxattr, in, 16, "user.a\0val"sv));
  ASSERT_TRUE(parsed_long);
  EXPECT_EQ(parsed_long->data.size(), 3U);
  const auto bytes = request(wire::Opcode::kSetxattr, in, 8, "user.a\0val"sv);
  const auto parsed_short = parse(bytes, {.setxattr_ext = false});
  ASSERT_TRUE(parsed_short);
  EXPECT_EQ(parsed_short->name, "user.a");
  EXPECT_EQ(parsed_short->as<wire::SetxattrIn>().setxattr_flags, 0U);
}

TEST(FuseProtocol, AnUnknownOpcodeIsARequestAllTheSame) {
  EXPECT_TRUE(parse(request(static_cast<wire::Opcode>(4096), "anything")));
  EXPECT_TRUE(parse(request(wire::Opcode::kPoll, "")));
  EXPECT_FALSE(parse(request(wire::Opcode::kFlush, "")));
}

TEST(FuseHandshake, OldKernelsGetWhatTheyKnow) {
  const wire::InitIn init{
      7, 31, 131072, static_cast<std::uint32_t>(wire::kAsyncRead | wire::kMaxPages), 0xffffffff, {}};
  const auto handshake = shake_hands(init, {});
  ASSERT_TRUE(handshake);
  EXPECT_EQ(handshake->negotiated.minor, 31U);
  EXPECT_EQ(handshake->reply.flags, wire::kAsyncRead | wire::kMaxPages);
  EXPECT_EQ(handshake->reply.flags2, 0U);
  EXPECT_EQ(handshake->reply.max_stack_depth, 0U);
  EXPECT_TRUE(failed_with(shake_hands({7, 30, 0, 0, 0, {}}, {}), EPROTO));
}

TEST(FuseHandshake, PassthroughIsForNewKernelsAndOnlyWhenWanted) {
  const wire::InitIn init{7, 45, 131072, 0xffffffff, 0xffffffff, {}};
  EXPECT_TRUE(shake_hands(init, {})->negotiated.has(wire::kPassthrough));
  EXPECT_EQ(shake_hands(init, {})->reply.max_stack_depth, 1U);
  EXPECT_FALSE(shake_hands(init, {false, false})->negotiated.has(wire::kPassthrough));
}

TEST(FuseConvert, DeviceNumbersSurviveTheWire) {
  for (const dev_t device : {makedev(1, 3), makedev(259, 70000), makedev(4095, 0xfffff)}) {
    EXPECT_EQ(unpack_device(pack_device(device)), device);
  }
}

TEST(FuseConvert, TimeoutsMayBeFractions) {
  EXPECT_EQ(to_wire_time(1.5).seconds, 1U);
  EXPECT_EQ(to_wire_time(1.5).nanoseconds, 500'000'000U);
  EXPECT_EQ(to_wire_time(-1).seconds, 0U);
}

TEST(FuseDirentWriter, StopsWhereTheBufferEnds) {
  std::vector<std::byte> buffer(70);
  DirentWriter writer(buffer);
  EXPECT_TRUE(writer.add({"a", 1, 8}, 1));   // 24 + 1 -> 32
  EXPECT_TRUE(writer.add({"bc", 2, 8}, 2));  // 64
  EXPECT_FALSE(writer.add({"d", 3, 8}, 3));
  EXPECT_EQ(writer.written().size(), 64U);
  wire::Dirent second;
  std::memcpy(&second, writer.written().data() + 32, sizeof second);
  EXPECT_EQ(second.namelen, 2U);
  EXPECT_EQ(second.off, 2U);
}

}  // namespace
}  // namespace aufs::fuse
