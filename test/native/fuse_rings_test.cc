// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>

#include "fuse/handshake.h"
#include "fuse/reply.h"
#include "fuse/rings.h"

namespace aufs::fuse {
namespace {

using std::string_view_literals::operator""sv;
using Numbers = std::vector<unsigned>;

TEST(FuseRings, ReadsAListOfProcessors) {
  EXPECT_EQ(sys::parse_processor_list("0\n"), Numbers({0}));
  EXPECT_EQ(sys::parse_processor_list("0-3\n"), Numbers({0, 1, 2, 3}));
  EXPECT_EQ(sys::parse_processor_list("0-1,4,6-7"), Numbers({0, 1, 4, 6, 7}));
  for (const char* odd : {"", "\n", "x", "3-1", "1-", "-1", "0,x", "0 1", "99999999", "0-99999999"}) {
    EXPECT_TRUE(sys::parse_processor_list(odd).empty()) << odd;
  }
}

// How often each queue is served.
std::vector<unsigned> slots_for(const sys::Processors& processors, const std::vector<Lane>& lanes) {
  std::vector<unsigned> slots(processors.possible.size());
  for (const Lane& lane : lanes) {
    for (const std::uint16_t queue : lane.queues) ++slots.at(queue);
  }
  return slots;
}

TEST(FuseRings, AThreadForEachSlotOfAProcessorThatIsThere) {
  const sys::Processors two{{0, 1}, {0, 1}};
  const auto lanes = plan_lanes(two, 0);
  EXPECT_EQ(slots_for(two, lanes), Numbers({4, 4}));
  for (const Lane& lane : lanes) {
    ASSERT_EQ(lane.queues.size(), 1U);
    EXPECT_EQ(lane.processor, lane.queues.front());
  }
  const sys::Processors many{Numbers(64), Numbers(64)};
  EXPECT_EQ(plan_lanes(many, 0).size(), 128U);
}

TEST(FuseRings, AsManyThreadsAsAreAskedForAndOneForEachProcessorAtLeast) {
  const sys::Processors two{{0, 1}, {0, 1}};
  EXPECT_EQ(plan_lanes(two, 1).size(), 2U);
  EXPECT_EQ(plan_lanes(two, 3).size(), 4U);
}

TEST(FuseRings, ProcessorsThatMayComeLaterHaveOneThreadTogether) {
  const sys::Processors half{{0, 1, 2, 3}, {0, 2}};
  const auto lanes = plan_lanes(half, 2);
  EXPECT_EQ(slots_for(half, lanes), Numbers({1, 1, 1, 1}));
  EXPECT_EQ(lanes.back(), (Lane{{1, 3}, std::nullopt}));
}

TEST(FuseRings, EveryReasonIsTold) {
  for (const int code : {EPERM, ENOSYS, ENOMEM, EMFILE, EOPNOTSUPP, EINVAL, ENOTSUP, EIO}) {
    EXPECT_GT(std::strlen(why_no_rings(code)), 10U) << code;
  }
}

wire::InitIn offer(std::uint64_t flags) {
  wire::InitIn init{};
  init.major = 7;
  init.minor = 45;
  init.flags = static_cast<std::uint32_t>(flags | wire::kInitExt);
  init.flags2 = static_cast<std::uint32_t>(flags >> 32);
  return init;
}

TEST(FuseRings, AgreedUponOnlyIfBothWant) {
  const Wanted want{true, true, false};
  const auto both = shake_hands(offer(wire::kOverIoUring), want);
  ASSERT_TRUE(both);
  EXPECT_TRUE(both->negotiated.has(wire::kOverIoUring));
  EXPECT_EQ(both->reply.flags2, static_cast<std::uint32_t>(wire::kOverIoUring >> 32));
  EXPECT_FALSE(shake_hands(offer(0), want)->negotiated.has(wire::kOverIoUring));
  EXPECT_FALSE(shake_hands(offer(wire::kOverIoUring), {})->negotiated.has(wire::kOverIoUring));
}

// Lays a request into the slot as the kernel does.
void lay(RingSlot& slot, wire::Opcode opcode, std::span<const std::byte> operation, std::string_view payload,
         std::uint32_t wrong_by = 0) {
  wire::RingHeader header{};
  const auto size = static_cast<std::uint32_t>(payload.size());
  const auto length = static_cast<std::uint32_t>(sizeof(wire::InHeader) + operation.size()) + size + wrong_by;
  const wire::InHeader in{length, static_cast<std::uint32_t>(opcode), 8, 1, 0, 0, 0, 0, 0};
  std::memcpy(header.header, &in, sizeof in);
  if (!operation.empty()) std::memcpy(header.operation, operation.data(), operation.size());
  header.entry = {0, 77, size, 0, 0};
  std::memcpy(slot.header().data(), &header, sizeof header);
  std::memcpy(slot.payload().data(), payload.data(), payload.size());
}

Incoming read(RingSlot& slot) {
  Incoming incoming;
  slot.read({}, incoming);
  return incoming;
}

std::string text_in(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// What the kernel would find after `write`.
struct Answer {
  wire::OutHeader header;
  std::string payload;
};
Answer answer_in(RingSlot& slot) {
  Answer answer;
  wire::RingHeader header;
  std::memcpy(&header, slot.header().data(), sizeof header);
  std::memcpy(&answer.header, header.header, sizeof answer.header);
  answer.payload = text_in(slot.payload().first(header.entry.payload_size));
  return answer;
}

TEST(FuseRings, ReadsANameWithoutAFixedPart) {
  RingSlot slot(3);
  lay(slot, wire::Opcode::kLookup, {}, "etc\0"sv);
  const Incoming incoming = read(slot);
  ASSERT_TRUE(incoming.request);
  EXPECT_EQ(incoming.request->name, "etc");
  EXPECT_EQ(incoming.header.unique, 8U);
  EXPECT_EQ(slot.commit_id(), 77U);
  EXPECT_EQ(slot.queue(), 3U);
}

TEST(FuseRings, ReadsAFixedPartAndData) {
  RingSlot slot(0);
  const wire::WriteIn in{5, 4096, 3, 0, 0, 0, 0};
  lay(slot, wire::Opcode::kWrite, std::as_bytes(std::span(&in, 1)), "abc");
  const Incoming incoming = read(slot);
  ASSERT_TRUE(incoming.request);
  EXPECT_EQ(incoming.request->as<wire::WriteIn>().offset, 4096U);
  EXPECT_EQ(text_in(incoming.request->data), "abc");
}

TEST(FuseRings, RefusesWhatIsShorterThanItSays) {
  RingSlot slot(0);
  const wire::WriteIn in{5, 4096, 4, 0, 0, 0, 0};
  lay(slot, wire::Opcode::kWrite, std::as_bytes(std::span(&in, 1)), "abc");
  EXPECT_TRUE(failed_with(read(slot).request, EINVAL));
  lay(slot, wire::Opcode::kLookup, {}, "etc");
  EXPECT_TRUE(failed_with(read(slot).request, EINVAL));
  lay(slot, wire::Opcode::kGetattr, std::as_bytes(std::span(&in, 1)).first(8), "");
  EXPECT_TRUE(failed_with(read(slot).request, EINVAL));
}

TEST(FuseRings, RefusesALengthThatCannotBe) {
  RingSlot slot(0);
  for (const std::uint32_t wrong_by : {1000U, 0U - 10U, 0U - 44U}) {
    lay(slot, wire::Opcode::kLookup, {}, "etc\0"sv, wrong_by);
    const Incoming incoming = read(slot);
    EXPECT_TRUE(failed_with(incoming.request, EINVAL)) << wrong_by;
    EXPECT_EQ(incoming.header.unique, 8U);
  }
}

TEST(FuseRings, DataForAReplyIsWhereTheReplyHasIt) {
  RingSlot slot(0);
  const wire::ReadIn in{5, 0, 3, 0, 0, 0, 0};
  lay(slot, wire::Opcode::kRead, std::as_bytes(std::span(&in, 1)), "");
  const Incoming incoming = read(slot);
  ASSERT_EQ(incoming.scratch.size(), kMaxTransfer);
  EXPECT_EQ(incoming.scratch.data(), slot.payload().data());
  std::memcpy(incoming.scratch.data(), "xyz", 3);
  EXPECT_TRUE(slot.write({sizeof(wire::OutHeader) + 3, 0, 8}, incoming.scratch.first(3), {}));
  EXPECT_EQ(answer_in(slot).payload, "xyz");
  EXPECT_EQ(slot.commit_id(), 77U);
}

TEST(FuseRings, ScratchMemoryLeavesStringsAlone) {
  RingSlot slot(0);
  const wire::GetxattrIn in{100, 0};
  lay(slot, wire::Opcode::kGetxattr, std::as_bytes(std::span(&in, 1)), "user.a\0"sv);
  const Incoming incoming = read(slot);
  ASSERT_TRUE(incoming.request);
  std::memset(incoming.scratch.data(), 'v', incoming.scratch.size());
  EXPECT_EQ(incoming.request->name, "user.a");
  EXPECT_TRUE(slot.write({sizeof(wire::OutHeader) + 9, 0, 8}, incoming.scratch.first(9), {}));
  EXPECT_EQ(answer_in(slot).payload, "vvvvvvvvv");
}

TEST(FuseRings, TwoPartsOfAReplyFollowEachOther) {
  RingSlot slot(0);
  lay(slot, wire::Opcode::kLookup, {}, "etc\0"sv);
  const auto a = std::as_bytes(std::span("one", 3));
  const auto b = std::as_bytes(std::span("two", 3));
  EXPECT_TRUE(slot.write({sizeof(wire::OutHeader) + 6, 0, 8}, a, b));
  const Answer answer = answer_in(slot);
  EXPECT_EQ(answer.payload, "onetwo");
  EXPECT_EQ(answer.header.unique, 8U);
}

TEST(FuseRings, RefusesAReplyThatIsTooLong) {
  RingSlot slot(0);
  lay(slot, wire::Opcode::kLookup, {}, "etc\0"sv);
  const std::vector<std::byte> much(kMaxTransfer + 1);
  EXPECT_TRUE(slot.write({sizeof(wire::OutHeader), -EIO, 8}, {}, {}));
  EXPECT_FALSE(slot.write({sizeof(wire::OutHeader), 0, 8}, much, {}));
  EXPECT_EQ(answer_in(slot).header.error, -EIO);
}

// Keeps what a Reply gives.
class Recorder final : public Channel {
 public:
  Status next(Incoming&) noexcept override { return Error{ENOTCONN, "test"}; }
  bool reply(const wire::OutHeader& header, std::span<const std::byte> first,
             std::span<const std::byte> second) noexcept override {
    headers.push_back(header);
    payload = text_in(first) + text_in(second);
    return true;
  }
  std::vector<wire::OutHeader> headers;
  std::string payload;
};

TEST(FuseRings, AReplyGoesToItsChannelOnce) {
  Recorder channel;
  {
    Reply reply(channel, 8);
    EXPECT_TRUE(reply.send_text("abc"));
  }
  ASSERT_EQ(channel.headers.size(), 1U);
  EXPECT_EQ(channel.headers[0].len, sizeof(wire::OutHeader) + 3);
  EXPECT_EQ(channel.payload, "abc");
  { Reply forgotten(channel, 9); }
  ASSERT_EQ(channel.headers.size(), 2U);
  EXPECT_EQ(channel.headers[1].error, -EIO);
  EXPECT_EQ(channel.headers[1].unique, 9U);
}

}  // namespace
}  // namespace aufs::fuse
