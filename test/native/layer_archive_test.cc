// SPDX-License-Identifier: MIT
#include <fcntl.h>
#include <sys/xattr.h>

#include <random>

#include "layer/apply_archive.h"
#include "layer/assemble_archive.h"
#include "layer/base64.h"
#include "layer/crc64.h"
#include "layer/produce_archive.h"
#include "scratch.h"
#include "tar_writer.h"

namespace aufs::layer {
namespace {

using test::Scratch;
using test::TarText;

constexpr ApplyOptions kOptions{.owner = Owner::kIfPermitted, .max_bytes = 1U << 30U, .max_entries = 1000};

class Archive : public testing::Test {
 protected:
  void SetUp() override {
    scratch.dir("diff");
    scratch.file("outside", "secret");
  }
  // "" or what is wrong.
  std::string apply(const TarText& text, const ApplyOptions& options = kOptions) {
    auto archive = ApplyArchive::open(scratch.at("diff"), options);
    if (!archive) return archive.error().syscall;
    Status done = (*archive)->feed(as_bytes(text.text()));
    if (done) done = (*archive)->end();
    record = (*archive)->take_record();
    counts = (*archive)->counts();
    return done ? "" : done.error().syscall;
  }
  std::string produce(const ProduceOptions& options = {}, std::size_t piece = 1000) {
    auto archive = ProduceArchive::open(scratch.at("diff"), options);
    EXPECT_TRUE(archive);
    std::string text;
    std::vector<std::byte> buffer(piece);
    for (;;) {
      const auto got = (*archive)->read(buffer);
      EXPECT_TRUE(got) << got.error().syscall;
      if (!got || *got == 0) return text;
      text.append(as_text(std::span<const std::byte>(buffer).first(*got)));
    }
  }
  Scratch scratch;
  std::string record;
  Applier::Counts counts;
};

TEST_F(Archive, AnEmptyLayerIsTwoBlocksOfZeros) {
  EXPECT_EQ(produce(), std::string(1024, '\0'));
  EXPECT_EQ(produce({}, 1), std::string(1024, '\0'));
}

TEST_F(Archive, SortedWithWhiteoutsFirstAndTheSameInPiecesOfAnySize) {
  scratch.file("diff/b/.wh.x", "");
  scratch.file("diff/b/-a", "1");
  scratch.file("diff/b/.wh..wh..opq", "");
  scratch.file("diff/b/.wh..wh.tmp.1", "left");
  scratch.file("diff/.wh..wh.plnk/1", "left");
  scratch.file("diff/a", "2");
  const std::string text = produce();
  EXPECT_EQ(produce({}, 1), text);
  EXPECT_EQ(produce({}, 100000), text);
  std::vector<std::string> names;
  for (std::size_t at = 0; at + 1024 < text.size(); at += 512) {
    const bool header = text.compare(at + 257, 5, "ustar") == 0 && text[at + 156] != 'x';
    if (header) names.emplace_back(text.c_str() + at);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b/", "b/.wh..wh..opq", "b/.wh.x", "b/-a"}));
}

TEST_F(Archive, HardLinksTimesAndHolesComeBack) {
  scratch.file("diff/d/one", "content");
  std::filesystem::create_hard_link(scratch.at("diff/d/one"), scratch.at("diff/two"));
  scratch.file("diff/sparse", "");
  ASSERT_EQ(0, ::truncate(scratch.at("diff/sparse").c_str(), 1 << 20));
  const struct timespec times[2] = {{5, 0}, {123, 456}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, scratch.at("diff/d").c_str(), times, 0));
  const std::string text = produce({.sparse = true});
  EXPECT_LT(text.size(), 20000U);
  std::filesystem::remove_all(scratch.at("diff"));
  scratch.dir("diff");
  TarText whole;
  ASSERT_EQ(apply(whole.raw(text)), "");
  EXPECT_EQ(scratch.stat("diff/d/one").st_ino, scratch.stat("diff/two").st_ino);
  EXPECT_EQ(scratch.stat("diff/d").st_mtim.tv_nsec, 456);
  EXPECT_EQ(scratch.stat("diff/sparse").st_size, 1 << 20);
  EXPECT_EQ(scratch.stat("diff/sparse").st_blocks, 0);
  EXPECT_EQ(produce({.sparse = true}), text);
}

TEST_F(Archive, LaterTimesBecomeTheLatest) {
  scratch.file("diff/a", "");
  const std::string early = produce({.latest_time = 7});
  const struct timespec times[2] = {{5, 0}, {1000, 1}};
  ASSERT_EQ(0, ::utimensat(AT_FDCWD, scratch.at("diff/a").c_str(), times, 0));
  EXPECT_EQ(produce({.latest_time = 7}), early);
}

TEST_F(Archive, WhiteoutsInAnyOrderHideOnlyWhatIsBelowTheLayer) {
  const TarText text = TarText()
                           .add({.name = "d/.wh.file"})
                           .add({.name = "d/file", .data = "new"})
                           .add({.name = "e/x", .data = "1"})
                           .add({.name = ".wh.e"})
                           .add({.name = "d/.wh.gone", .data = "not empty"})
                           .add({.name = "f/.wh..wh..opq"})
                           .add({.name = "f/in", .data = "2"})
                           .end();
  ASSERT_EQ(apply(text), "");
  EXPECT_EQ(scratch.content("diff/d/file"), "new");
  EXPECT_FALSE(scratch.exists("diff/d/.wh.file"));
  EXPECT_FALSE(scratch.exists("diff/.wh.e"));
  EXPECT_TRUE(scratch.exists("diff/e/.wh..wh..opq"));
  EXPECT_EQ(scratch.stat("diff/d/.wh.gone").st_size, 0);
  EXPECT_TRUE(scratch.exists("diff/f/.wh..wh..opq"));
}

TEST_F(Archive, HousekeepingIsDroppedAndPseudoLinksAreFollowed) {
  const TarText text = TarText()
                           .add({.name = ".wh..wh.aufs"})
                           .add({.name = ".wh..wh.plnk/12.13", .data = "shared"})
                           .add({.name = "a", .type = '1', .link = ".wh..wh.plnk/12.13"})
                           .add({.name = ".wh..wh.orph/x", .data = "1"})
                           .add({.name = "d/.wh..wh.tmp", .data = "1"})
                           .end();
  ASSERT_EQ(apply(text), "");
  EXPECT_EQ(scratch.content("diff/a"), "shared");
  EXPECT_EQ(counts.dropped, 3U);
  EXPECT_FALSE(scratch.exists("diff/.wh..wh.plnk") || scratch.exists("diff/.wh..wh.aufs") ||
               scratch.exists("diff/d"));
}

TEST_F(Archive, ALaterEntryTakesThePlaceOfAnEarlierOne) {
  const TarText text = TarText()
                           .add({.name = "a", .data = "1"})
                           .add({.name = "a", .data = "22"})
                           .add({.name = "d/", .type = '5', .mode = 0700})
                           .add({.name = "d/x", .data = "1"})
                           .add({.name = "d/", .type = '5', .mode = 0750})
                           .add({.name = "e/x/y", .data = "1"})
                           .add({.name = "e", .type = '2', .link = "d"})
                           .add({.name = "f", .type = '2', .link = "/etc"})
                           .add({.name = "f/", .type = '5'})
                           .add({.name = "f/passwd", .data = "ours"})
                           .end();
  ASSERT_EQ(apply(text), "");
  EXPECT_EQ(counts.replaced, 3U);
  EXPECT_EQ(scratch.content("diff/a"), "22");
  EXPECT_EQ(scratch.stat("diff/d").st_mode & 07777U, 0750U);
  EXPECT_TRUE(scratch.exists("diff/d/x"));
  EXPECT_TRUE(S_ISLNK(scratch.stat("diff/e").st_mode));
  EXPECT_EQ(scratch.content("diff/f/passwd"), "ours");
}

struct Hostile {
  const char* title;
  TarText text;
  const char* error;  // how it begins
};

std::vector<Hostile> hostile_archives() {
  const auto file = [](const char* name) { return TarText().add({.name = name, .data = "x"}).end(); };
  const auto link = [](const char* target) {
    return TarText().add({.name = "l", .type = '1', .link = target}).end();
  };
  const char* below_symlink = "archive: an entry lies below a symlink";
  return {
      {"..", file("../outside"), "archive: a name has '..'"},
      {".. in the middle", file("a/../../outside"), "archive: a name has '..'"},
      {".. at the end", file("a/.."), "archive: a name has '..'"},
      {"/..", file("/../outside"), "archive: a name has '..'"},
      {"the root as a file", file("/"), "archive: the root"},
      {"the root as a symlink", TarText().add({.name = ".", .type = '2', .link = "/"}).end(),
       "archive: the root"},
      {"below a symlink",
       TarText().add({.name = "s", .type = '2', .link = ".."}).add({.name = "s/outside", .data = "x"}).end(),
       below_symlink},
      {"below an absolute symlink",
       TarText().add({.name = "s", .type = '2', .link = "/"}).add({.name = "s/tmp/x", .data = "x"}).end(),
       below_symlink},
      {"below a symlink to a directory of the layer",
       TarText()
           .add({.name = "d/", .type = '5'})
           .add({.name = "s", .type = '2', .link = "d"})
           .add({.name = "s/x"})
           .end(),
       below_symlink},
      {"below a symlink in a chain",
       TarText().add({.name = "d/s", .type = '2', .link = "../.."}).add({.name = "d/s/x/y"}).end(),
       below_symlink},
      {"below a file", TarText().add({.name = "f"}).add({.name = "f/x"}).end(),
       "archive: an entry lies below something"},
      {"a hard link out", link("../outside"), "archive: a name has '..'"},
      {"a hard link to what is not there", link("nothing"),
       "archive: a hard link to something that is not there"},
      {"a hard link by way of a symlink",
       TarText()
           .add({.name = "s", .type = '2', .link = ".."})
           .add({.name = "l", .type = '1', .link = "s/outside"})
           .end(),
       below_symlink},
      {"a hard link to itself", link("./l"), "archive: a hard link to itself"},
      {"a hard link to the root", link("/"), "archive: a hard link to a directory"},
      {"a hard link to a directory",
       TarText().add({.name = "d/", .type = '5'}).add({.name = "l", .type = '1', .link = "d"}).end(),
       "archive: a hard link to a directory"},
      {"a hard link to a whiteout",
       TarText().add({.name = ".wh.a"}).add({.name = "l", .type = '1', .link = ".wh.a"}).end(),
       "archive: a hard link to a reserved name"},
      {"a hard link to what it replaces",
       TarText().add({.name = "d/x"}).add({.name = "d", .type = '1', .link = "d/x"}).end(),
       "archive: a hard link to something that is not there"},
      {"a whiteout of nothing", file(".wh."), "archive: a whiteout of no name"},
      {"a whiteout of ..", file("d/.wh..."), "archive: a whiteout of no name"},
      {"a whiteout of .", file(".wh.."), "archive: a whiteout of no name"},
      {"a directory that is a whiteout", TarText().add({.name = ".wh.d/", .type = '5'}).end(),
       "archive: a whiteout is a directory"},
      {"below a whiteout", file(".wh.d/x"), "archive: an entry lies below a whiteout"},
      {"below an opaque marker", file("d/.wh..wh..opq/x"), "archive: an entry lies below a whiteout"},
      {"a symlink to nothing", TarText().add({.name = "s", .type = '2'}).end(),
       "archive: a symlink to nothing"},
      {"a name longer than a path",
       TarText().pax({{"path", std::string(5000, 'a')}}).add({.name = "a"}).end(),
       "archive: a name is longer"},
  };
}

TEST_F(Archive, NothingGetsOut) {
  for (const auto& [title, text, error] : hostile_archives()) {
    std::filesystem::remove_all(scratch.at("diff"));
    scratch.dir("diff");
    const std::string said = apply(text);
    EXPECT_TRUE(said.starts_with(error)) << title << ": " << said;
    EXPECT_EQ(scratch.content("outside"), "secret") << title;
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(scratch.at("")), {}), 2) << title;
  }
}

TEST_F(Archive, AbsoluteNamesAndOddSlashesStayBelowTheRoot) {
  const TarText text = TarText()
                           .add({.name = "/etc/x", .data = "1"})
                           .add({.name = ".//a/.//b", .data = "2"})
                           .add({.name = "./", .type = '5', .mode = 0711})
                           .end();
  ASSERT_EQ(apply(text), "");
  EXPECT_EQ(scratch.content("diff/etc/x"), "1");
  EXPECT_EQ(scratch.content("diff/a/b"), "2");
  EXPECT_EQ(scratch.stat("diff").st_mode & 07777U, 0711U);
}

TEST_F(Archive, Limits) {
  const TarText text = TarText().add({.name = "a", .data = std::string(1000, 'x')}).add({.name = "b"}).end();
  ApplyOptions options = kOptions;
  options.max_entries = 1;
  EXPECT_EQ(apply(text, options), "archive: it has more entries than allowed");
  options.max_entries = 10;
  EXPECT_EQ(apply(TarText().add({.name = "z/a/a/a/a/a/a/a/a/a/a/a"}).end(), options),
            "archive: it has more entries than allowed");
  options = kOptions;
  options.max_bytes = text.text().size() - 1;
  EXPECT_EQ(apply(text, options), "archive: it is longer than allowed");
  options.max_bytes = 4096;
  const TarText holes = TarText()
                            .pax({{"GNU.sparse.size", "1000000"}, {"GNU.sparse.map", "0,1"}})
                            .add({.name = "s", .data = "1"})
                            .end();
  EXPECT_EQ(apply(holes, options), "archive: its files are bigger than allowed");
}

TEST_F(Archive, ARepeatedNameIsAnErrorWhereItIsAsked) {
  ApplyOptions options = kOptions;
  options.refuse_repeated = true;
  EXPECT_EQ(apply(TarText().add({.name = "a"}).add({.name = "./a"}).end(), options),
            "archive: a name comes twice");
}

TEST_F(Archive, AttributesOfOtherLayersAreNotTaken) {
  const TarText text = TarText()
                           .pax({{"SCHILY.xattr.user.ours", std::string("\0\1\n", 3)},
                                 {"LIBARCHIVE.xattr.user.two%2E", "dHdv"},
                                 {"SCHILY.xattr.user.overlay.opaque", "y"}})
                           .add({.name = "a"})
                           .end();
  ASSERT_EQ(apply(text), "");
  std::array<char, 16> value{};
  const auto get = [&](const char* key) {
    return ::getxattr(scratch.at("diff/a").c_str(), key, value.data(), value.size());
  };
  if (counts.attributes > 0) GTEST_SKIP() << "no user attributes here";
  EXPECT_EQ(get("user.ours"), 3);
  EXPECT_EQ(get("user.two."), 3);
  EXPECT_EQ(get("user.overlay.opaque"), -1);
}

TEST_F(Archive, TheRecordIsDockersFormat) {
  // The lines that tar-split (Go) writes for this archive, payloads of segments apart.
  ASSERT_EQ(apply(TarText().add({.name = "a<b", .data = "123456789"}).add({.name = "d/", .type = '5'}).end()),
            "");
  std::vector<std::string> lines;
  std::istringstream in(record);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_TRUE(lines[0].starts_with(R"({"type":2,"payload":"YTxi)"));
  EXPECT_EQ(lines[1], R"({"type":1,"name":"a\u003cb","size":9,"payload":"uQlWx3WkEAE=","position":1})");
  EXPECT_TRUE(lines[2].ends_with(R"(","position":2})"));
  EXPECT_EQ(lines[3], R"({"type":1,"name":"d/","payload":null,"position":3})");
  EXPECT_TRUE(lines[4].starts_with(R"({"type":2,"payload":"AAAA)"));
  EXPECT_EQ(lines[5], R"({"type":2,"payload":"","position":5})");
}

// The definition: a bit at a time.
std::array<char, 8> crc64_by_definition(std::string_view text) {
  std::uint64_t crc = ~std::uint64_t{0};
  for (const char c : text) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = (crc & 1U) != 0 ? crc >> 1U ^ 0xD800000000000000U : crc >> 1U;
  }
  std::array<char, 8> bytes{};
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(~crc >> (56 - 8 * i) & 0xFFU);
  return bytes;
}

TEST(Crc64, OfAnyLengthInAnyPieces) {
  std::mt19937_64 random(64);
  std::string text;
  for (std::size_t length = 0; length < 700; ++length) {
    const auto expected = crc64_by_definition(text);
    Crc64 whole;
    whole.add(as_bytes(text));
    EXPECT_EQ(whole.bytes(), expected) << length << " bytes";
    Crc64 pieces;
    const std::size_t cut = length == 0 ? 0 : random() % length;
    pieces.add(as_bytes(std::string_view(text).substr(0, cut)));
    pieces.add(as_bytes(std::string_view(text).substr(cut)));
    EXPECT_EQ(pieces.bytes(), expected) << length << " bytes, cut at " << cut;
    text += static_cast<char>(random());
  }
}

TEST(Crc64, OfTheIsoPolynomial) {
  // The check value of CRC-64/GO-ISO.
  Crc64 crc;
  crc.add(as_bytes("1234"));
  crc.add(as_bytes("56789"));
  const auto bytes = crc.bytes();
  EXPECT_EQ(std::string(bytes.data(), bytes.size()), std::string("\xB9\x09\x56\xC7\x75\xA4\x10\x01"));
  Crc64 whole;
  Crc64 pieces;
  const std::string text(1000, 'q');
  whole.add(as_bytes(text));
  for (const char c : text) pieces.add(as_bytes({&c, 1}));
  EXPECT_EQ(whole.bytes(), pieces.bytes());
}

TEST(Base64, ThereAndBack) {
  std::string bytes;
  for (int i = 0; i < 300; ++i) {
    std::string text;
    append_base64(text, bytes);
    EXPECT_EQ(text.size() % 4, 0U);
    EXPECT_EQ(base64_decoded(text), bytes);
    bytes += static_cast<char>(i * 7);
  }
  EXPECT_FALSE(base64_decoded("a b"));
}

TEST_F(Archive, PutTogetherAgainOrToldThatAFileChanged) {
  scratch.file("diff/a", "123456789");
  const auto assemble = [&](const AssembleArchive::Stored& stored) -> std::string {
    auto archive = AssembleArchive::open(scratch.at("diff"));
    (*archive)->add(std::string("head"));
    (*archive)->add(stored);
    std::array<std::byte, 64> buffer{};
    const auto got = (*archive)->read(buffer);
    if (!got) return got.error().syscall;
    return std::string(as_text(std::span<const std::byte>(buffer).first(*got)));
  };
  const std::string crc("\xB9\x09\x56\xC7\x75\xA4\x10\x01");
  EXPECT_EQ(assemble({"./a", 9, crc}), "head123456789");
  EXPECT_EQ(assemble({"a", 8, crc}), "archive: a file of the layer is not as long as it was");
  EXPECT_EQ(assemble({"a", 9, std::string(8, 'x')}), "archive: a file of the layer is not what it was");
  EXPECT_EQ(assemble({"../outside", 6, ""}), "archive: a name has '..' in it");
}

}  // namespace
}  // namespace aufs::layer
