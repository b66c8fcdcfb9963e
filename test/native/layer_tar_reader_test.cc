// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>

#include <optional>

#include "layer/tar_reader.h"
#include "tar_writer.h"

namespace aufs::layer {
namespace {

using test::TarText;

struct Seen {
  TarEntry entry;
  std::string data;
  bool finished = false;
};

class Collector final : public TarSink {
 public:
  Status framing(Bytes bytes) override {
    all.append(as_text(bytes));
    return ok();
  }
  Status begin(const TarEntry& entry) override {
    seen.push_back({entry, "", false});
    return ok();
  }
  Status data(Bytes bytes) override {
    all.append(as_text(bytes));
    seen.back().data.append(as_text(bytes));
    return ok();
  }
  Status finish() override {
    seen.back().finished = true;
    return ok();
  }
  std::vector<Seen> seen;
  std::string all;
};

struct Outcome {
  std::vector<Seen> seen;
  std::string all;
  std::string error;  // empty: none
};

Outcome read(const std::string& text, std::size_t piece = 1 << 20, bool need_end = true) {
  Collector sink;
  TarReader reader(sink);
  Status status = ok();
  for (std::size_t at = 0; at < text.size() && status; at += piece) {
    status = reader.feed(as_bytes(std::string_view(text).substr(at, piece)));
  }
  if (status) status = reader.end(need_end);
  return {std::move(sink.seen), std::move(sink.all), status ? "" : status.error().syscall};
}

std::string sample() {
  return TarText()
      .pax({{"comment", "all"}}, 'g')
      .add({.name = "d/", .type = '5'})
      .pax({{"path", "d/a long name"}, {"mtime", "-1.5"}, {"SCHILY.xattr.user.k", "v=1"}, {"uid", "3000000"}})
      .add({.name = "short", .data = std::string(700, 'x')})
      .add({.name = "d/link", .type = '1', .link = "d/a long name"})
      .add({.name = "sym", .type = '2', .link = "../x"})
      .end()
      .text();
}

TEST(TarReader, GivesEntriesAndEveryByteInPiecesOfAnySize) {
  const std::string text = sample();
  for (const std::size_t piece : {1UL, 7UL, 511UL, 512UL, 513UL, 100000UL}) {
    const Outcome outcome = read(text, piece);
    ASSERT_EQ(outcome.error, "") << piece;
    EXPECT_EQ(outcome.all, text) << piece;
    ASSERT_EQ(outcome.seen.size(), 4U);
    const TarEntry& file = outcome.seen[1].entry;
    EXPECT_EQ(file.path, "d/a long name");
    EXPECT_EQ(file.mtime.tv_sec, -2);
    EXPECT_EQ(file.mtime.tv_nsec, 500'000'000);
    EXPECT_EQ(file.uid, 3'000'000U);
    ASSERT_EQ(file.xattrs.size(), 1U);
    EXPECT_EQ(file.xattrs[0].second, "v=1");
    EXPECT_EQ(outcome.seen[1].data, std::string(700, 'x'));
    EXPECT_EQ(outcome.seen[2].entry.type, EntryType::kHardLink);
    EXPECT_EQ(outcome.seen[3].entry.link, "../x");
    for (const Seen& seen : outcome.seen) EXPECT_TRUE(seen.finished);
  }
}

TEST(TarReader, ACutAtAnyByteIsNoticed) {
  const std::string text = sample();
  const std::size_t whole = text.size() - 2 * kBlockSize;
  for (std::size_t size = 0; size < text.size(); ++size) {
    const std::string error = read(text.substr(0, size)).error;
    if (size >= whole + kBlockSize) EXPECT_EQ(error, "") << size;
    else EXPECT_NE(error, "") << size;
  }
}

TEST(TarReader, WithoutAnEndMarkOnlyWhereItIsNotNeeded) {
  const std::string text = TarText().add({.name = "a", .data = "1"}).text();
  EXPECT_NE(read(text, 512, true).error, "");
  EXPECT_EQ(read(text, 512, false).error, "");
}

TEST(TarReader, WhatFollowsTheEndIsPassedOnUnread) {
  const std::string text = TarText().add({.name = "a"}).end().text() + std::string(1000, 'z');
  const Outcome outcome = read(text, 100);
  EXPECT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.all, text);
  EXPECT_EQ(outcome.seen.size(), 1U);
}

TEST(TarReader, GnuLongNames) {
  const std::string name(3000, 'n');
  const std::string link(2000, 'l');
  const auto text = TarText()
                        .add({.name = "././@LongLink", .type = 'K', .data = link + '\0'})
                        .add({.name = "././@LongLink", .type = 'L', .data = name + '\0'})
                        .add({.name = "nnn", .type = '2', .link = "lll"})
                        .add({.name = "after"})
                        .end()
                        .text();
  const Outcome outcome = read(text, 100);
  ASSERT_EQ(outcome.seen.size(), 2U);
  EXPECT_EQ(outcome.seen[0].entry.path, name);
  EXPECT_EQ(outcome.seen[0].entry.link, link);
  EXPECT_EQ(outcome.seen[1].entry.path, "after");
}

TEST(TarReader, NumbersInBase256) {
  TarBlock block;
  block.set_text(field::kName, "big");
  block.set_text(field::kType, "0");
  block.set_octal(field::kMode, 0644);
  block.set_text(field::kUid, std::string("\x80\0\0\0\0\x2D\xC6\xC0", 8));  // 3,000,000
  block.set_text(field::kMtime, std::string("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFE", 12));
  const Outcome outcome = read(TarText().add(block).end().text());
  ASSERT_EQ(outcome.error, "");
  EXPECT_EQ(outcome.seen[0].entry.uid, 3'000'000U);
  EXPECT_EQ(outcome.seen[0].entry.mtime.tv_sec, -2);
}

struct Sparse {
  const char* name;
  std::string text;
};

std::vector<Sparse> sparse_archives() {
  const std::string data = "AAABB";
  TarBlock gnu;
  gnu.set_text(field::kName, "s");
  gnu.set_text(field::kType, "S");
  gnu.set_text(field::kMagic, "ustar  ");
  gnu.set_octal(field::kSize, data.size());
  gnu.set_text(field::kSparse, "00000000012");
  gnu.set_text({field::kSparse.offset + 12, 12}, "00000000003");
  gnu.set_text({field::kSparse.offset + 24, 12}, "00000000144");
  gnu.set_text({field::kSparse.offset + 36, 12}, "00000000002");
  gnu.set_octal(field::kRealSize, 1000);
  std::string map = "2\n10\n3\n100\n2\n";
  map.append(padding_after(map.size()), '\0');
  return {
      {"old GNU", TarText().add(gnu).raw(data).end().text()},
      {"PAX 0.0", TarText()
                      .pax({{"GNU.sparse.size", "1000"},
                            {"GNU.sparse.numblocks", "2"},
                            {"GNU.sparse.offset", "10"},
                            {"GNU.sparse.numbytes", "3"},
                            {"GNU.sparse.offset", "100"},
                            {"GNU.sparse.numbytes", "2"}})
                      .add({.name = "s", .data = data})
                      .end()
                      .text()},
      {"PAX 0.1",
       TarText()
           .pax({{"GNU.sparse.size", "1000"}, {"GNU.sparse.map", "10,3,100,2"}, {"GNU.sparse.name", "s"}})
           .add({.name = "x", .data = data})
           .end()
           .text()},
      {"PAX 1.0", TarText()
                      .pax({{"GNU.sparse.major", "1"},
                            {"GNU.sparse.minor", "0"},
                            {"GNU.sparse.name", "s"},
                            {"GNU.sparse.realsize", "1000"}})
                      .add({.name = "x", .data = map + data})
                      .end()
                      .text()},
  };
}

TEST(TarReader, SparseFilesOfAllForms) {
  for (const auto& [name, text] : sparse_archives()) {
    const Outcome outcome = read(text, 100);
    ASSERT_EQ(outcome.error, "") << name;
    EXPECT_EQ(outcome.all, text) << name;
    ASSERT_EQ(outcome.seen.size(), 1U) << name;
    const TarEntry& entry = outcome.seen[0].entry;
    EXPECT_EQ(entry.path, "s") << name;
    EXPECT_EQ(entry.size, 1000U) << name;
    ASSERT_EQ(entry.extents.size(), 2U) << name;
    EXPECT_EQ(entry.extents[1].offset, 100U) << name;
    EXPECT_EQ(outcome.seen[0].data, "AAABB") << name;
  }
}

struct Bad {
  const char* title;
  std::string text;
};

std::vector<Bad> bad_archives() {
  const std::string ok = TarText().add({.name = "a", .data = "data"}).end().text();
  std::string wrong_sum = ok;
  wrong_sum[0] ^= 1;
  std::string single_zero = TarText().add({.name = "a"}).text();
  single_zero.append(kBlockSize, '\0').append(TarText().add({.name = "b"}).end().text());
  const auto sparse = [](const std::string& map, const std::string& size) {
    return TarText()
        .pax({{"GNU.sparse.size", size}, {"GNU.sparse.map", map}})
        .add({.name = "s", .data = "12345"})
        .end()
        .text();
  };
  return {
      {"nothing at all", ""},
      {"text", std::string(600, 'x')},
      {"a wrong checksum", wrong_sum},
      {"one block of zeros in the middle", single_zero},
      {"an octal number with a letter", TarText().add({.name = "a", .size = "0000x000000"}).end().text()},
      {"a size beyond 63 bits",
       TarText().header({.name = "a", .size = "\x80\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"}).text()},
      {"a negative size", TarText().header({.name = "a", .size = std::string(12, '\xFF')}).end().text()},
      {"a size that goes on for ever", TarText().header({.name = "a", .size = "77777777777"}).end().text()},
      {"an unknown type", TarText().add({.name = "a", .type = 'Q'}).end().text()},
      {"GNU's continuation of another volume", TarText().add({.name = "a", .type = 'M'}).end().text()},
      {"an extended header that is not there",
       TarText().header({.name = "x", .type = 'x', .size = "00000001000"}).text()},
      {"a huge extended header",
       TarText().header({.name = "x", .type = 'x', .size = "77777777777"}).end().text()},
      {"a huge long name", TarText().header({.name = "x", .type = 'L', .size = "77777777777"}).end().text()},
      {"records without a length",
       TarText().add({.name = "x", .type = 'x', .data = "path=a\n"}).add({.name = "a"}).end().text()},
      {"a record longer than the header",
       TarText().add({.name = "x", .type = 'x', .data = "99 path=a\n"}).add({.name = "a"}).end().text()},
      {"a record that does not end",
       TarText().add({.name = "x", .type = 'x', .data = "9 path=ab"}).add({.name = "a"}).end().text()},
      {"a NUL in a name", TarText().pax({{"path", std::string("a\0b", 3)}}).add({.name = "a"}).end().text()},
      {"a NUL in a link",
       TarText().pax({{"linkpath", std::string("a\0b", 3)}}).add({.name = "a", .type = '2'}).end().text()},
      {"an attribute without a name",
       TarText().pax({{"SCHILY.xattr.", "v"}}).add({.name = "a"}).end().text()},
      {"the owner that means nobody", TarText().pax({{"uid", "4294967295"}}).add({.name = "a"}).end().text()},
      {"an owner beyond 32 bits", TarText().pax({{"gid", "99999999999"}}).add({.name = "a"}).end().text()},
      {"a time that is none", TarText().pax({{"mtime", "yesterday"}}).add({.name = "a"}).end().text()},
      {"an extended header before the end", TarText().pax({{"path", "a"}}).end().text()},
      {"a sparse map out of order", sparse("10,3,5,2", "100")},
      {"a sparse map beyond the size", sparse("98,5", "100")},
      {"a sparse map of another length", sparse("10,3", "100")},
      {"a sparse map that overflows", sparse("9223372036854775807,5", "9223372036854775807")},
      {"a sparse map that is cut off", sparse("10,3,", "100")},
      {"a sparse map of letters", TarText()
                                      .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "9"}})
                                      .add({.name = "a", .data = std::string(512, 'x')})
                                      .end()
                                      .text()},
      {"a sparse map that fills all data", TarText()
                                               .pax({{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "9"}})
                                               .add({.name = "a", .data = "60000\n" + std::string(506, '1')})
                                               .end()
                                               .text()},
  };
}

TEST(TarReader, BadArchivesAreTold) {
  for (const auto& [title, text] : bad_archives()) {
    for (const std::size_t piece : {std::size_t{100}, std::size_t{1} << 20}) {
      EXPECT_TRUE(read(text, piece).error.starts_with("archive: "))
          << title << ": " << read(text, piece).error;
    }
  }
}

TEST(TarReader, HeadersWithoutEndAreStopped) {
  TarText text;
  for (int i = 0; i < 5000; ++i) text.pax({{"path", "a"}});
  EXPECT_EQ(read(text.text()).error, "archive: the headers of an entry are too big");
  TarText globals;
  for (int i = 0; i < 100; ++i) globals.pax({{"key" + std::to_string(i), "v"}}, 'g');
  EXPECT_EQ(read(globals.text()).error, "archive: a global header has too many records");
}

TEST(TarReader, LinksAndDirectoriesHaveNoDataWhateverTheySay) {
  // As Go's reader has it: a size on what is no file does not move the next header.
  const auto text = TarText()
                        .add({.name = "f", .data = "1"})
                        .header({.name = "l", .type = '1', .link = "f", .size = "00000001000"})
                        .add({.name = "z"})
                        .end()
                        .text();
  const Outcome outcome = read(text);
  ASSERT_EQ(outcome.error, "");
  ASSERT_EQ(outcome.seen.size(), 3U);
  EXPECT_EQ(outcome.seen[2].entry.path, "z");
}

TEST(Pax, TimesThereAndBack) {
  for (const char* text : {"0", "1", "-1", "-0.5", "-1.5", "1.000000001", "1234567890.123456789", "0.1"}) {
    const auto time = parse_time(text);
    ASSERT_TRUE(time) << text;
    EXPECT_EQ(format_time(*time), text);
  }
  for (const char* text : {"", "-", ".", "1.x", "1e5", "+1", "99999999999999999999"})
    EXPECT_FALSE(parse_time(text)) << text;
}

TEST(Pax, ARecordsLengthCountsItself) {
  for (std::size_t size = 0; size < 1200; ++size) {
    PaxRecords records;
    records.add("k", std::string(size, 'v'));
    const auto parsed = PaxRecords::parse(records.format());
    ASSERT_TRUE(parsed) << size;
    EXPECT_EQ(parsed->find("k")->size(), size);
  }
}

}  // namespace
}  // namespace aufs::layer
