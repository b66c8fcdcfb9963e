// SPDX-License-Identifier: MIT
#include <gtest/gtest.h>
#include <sys/mount.h>

#include <string>
#include <vector>

#include "fuse/escaped_list.h"
#include "fuse/json_line.h"
#include "fuse/mount_table.h"
#include "fuse/options.h"

namespace aufs::fuse {
namespace {

Outcome<Options> parsed(std::vector<std::string> arguments, const std::string& program = "node-aufs-fuse") {
  arguments.insert(arguments.begin(), program);
  return parse_command_line(arguments);
}

std::string branches_of(const Outcome<Options>& options) {
  if (!options) return options.failure().message;
  std::string text;
  for (const BranchSpec& branch : options->branches) text += branch.path + "=" + perm_text(branch.perm) + " ";
  return text;
}

TEST(FuseOptions, DockersOptionString) {
  const auto options =
      parsed({"-o", "br:/rw=rw:/r1=ro+wh:/r2=ro+wh,dio,xino=/dev/shm/aufs.xino,dirperm1", "/t"});
  EXPECT_EQ(branches_of(options), "/rw=rw /r1=ro+wh /r2=ro+wh ");
  EXPECT_EQ(options->target, "/t");
  EXPECT_FALSE(options->read_only);
  EXPECT_TRUE(options->daemon());
}

TEST(FuseOptions, BranchesWithoutPermissionHaveAufsDefaults) {
  EXPECT_EQ(branches_of(parsed({"-o", "br=/a:/b", "/t"})), "/a=rw /b=ro ");
  EXPECT_EQ(branches_of(parsed({"-o", "dirs=/a:/b", "/t"})), "/a=rw /b=ro ");
  const auto read_only = parsed({"-o", "ro,br=/a:/b", "/t"});
  EXPECT_EQ(branches_of(read_only), "/a=ro /b=ro ");
  EXPECT_TRUE(read_only->read_only);
}

TEST(FuseOptions, OverlayWords) {
  const auto options = parsed({"-o", "lowerdir=/a\\:b:/c\\,d,upperdir=/u,workdir=/w", "/t"});
  EXPECT_EQ(branches_of(options), "/u=rw /a:b=ro+wh /c,d=ro+wh ");
  EXPECT_EQ(branches_of(parsed({"-o", "lowerdir+=/a,lowerdir+=/b", "/t"})), "/a=ro+wh /b=ro+wh ");
  EXPECT_TRUE(parsed({"-o", "lowerdir=/a:/b", "/t"})->read_only);
  EXPECT_NE(parsed({"-o", "lowerdir=/a:/b", "/t"})->mount_flags & MS_RDONLY, 0U);
  EXPECT_FALSE(parsed({"-o", "lowerdir=/a::/b", "/t"}));
}

TEST(FuseOptions, SwitchesForBranches) {
  const auto options =
      parsed({"--branch", "/a:b", "rw", "--branch", "/c", "ro+wh", "-f", "--control-fd", "7", "/t"});
  EXPECT_EQ(branches_of(options), "/a:b=rw /c=ro+wh ");
  EXPECT_EQ(options->control_fd, 7);
  EXPECT_TRUE(options->foreground);
  EXPECT_FALSE(parsed({"--branch", "/a", "rw", "-o", "br:/b", "/t"}));
}

TEST(FuseOptions, GenericOptionsByMeaning) {
  const auto options =
      parsed({"-o", "rw,nosuid,dev,noatime,nofail,_netdev,x-systemd.automount,br:/a=rw", "/t"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->mount_flags, static_cast<unsigned long>(MS_NOSUID | MS_NOATIME));
  EXPECT_EQ(parsed({"-o", "nosuid,suid,br:/a=rw", "/t"})->mount_flags, 0U);
}

TEST(FuseOptions, NumbersAndSwitches) {
  const auto options =
      parsed({"-o", "br:/a=rw,threads=3,entry_timeout=1.5,negative_timeout=0,volatile,nodirren", "/t"});
  ASSERT_TRUE(options);
  EXPECT_EQ(options->threads, 3U);
  EXPECT_EQ(options->timeouts.entry, 1.5);
  EXPECT_EQ(options->timeouts.negative, 0);
  EXPECT_TRUE(options->is_volatile);
  EXPECT_FALSE(options->dirren);
  EXPECT_EQ(options->background_copy_up, kBackgroundCopyUp);
  EXPECT_EQ(parsed({"-o", "br:/a=rw,background_copy_up=4096", "/t"})->background_copy_up, 4096U);
  EXPECT_EQ(parsed({"-o", "br:/a=rw,nobackground_copy_up", "/t"})->background_copy_up, 0U);
  EXPECT_TRUE(options->data_at_open);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,nodata_at_open", "/t"})->data_at_open);
  EXPECT_TRUE(options->list_ahead);
  EXPECT_TRUE(options->park_threads);
  EXPECT_TRUE(options->open_ahead);
  EXPECT_TRUE(options->birth_times);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,nobtime", "/t"})->birth_times);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,nolist_ahead", "/t"})->list_ahead);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,noopen_ahead", "/t"})->open_ahead);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,nopark_threads", "/t"})->park_threads);
  EXPECT_TRUE(options->uring);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,nouring", "/t"})->uring);
  EXPECT_TRUE(parsed({"-o", "br:/a=rw,nouring,uring", "/t"})->uring);
  EXPECT_TRUE(options->near_caller);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,nonear_caller", "/t"})->near_caller);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,passthrough=no", "/t"})->passthrough);
  EXPECT_FALSE(parsed({"-o", "br:/a=rw,volatile,novolatile", "/t"})->is_volatile);
  for (const char* bad : {"nobody", "no", "background_copy_up=", "background_copy_up=4k", "threads=0",
                          "threads=x", "threads=999", "entry_timeout=", "attr_timeout=-1", "x_timeout=1"}) {
    EXPECT_FALSE(parsed({"-o", std::string("br:/a=rw,") + bad, "/t"})) << bad;
  }
}

TEST(FuseOptions, SaysWhichWordItDoesNotKnow) {
  const auto unknown = parsed({"-o", "br:/a=rw,frobnicate", "/t"});
  ASSERT_FALSE(unknown);
  EXPECT_STREQ(unknown.failure().code, "ERR_USAGE");
  EXPECT_EQ(unknown.failure().exit_code(), 64);
  EXPECT_NE(unknown.failure().message.find("'frobnicate'"), std::string::npos);
  EXPECT_NE(parsed({"-o", "br:/a=rwx", "/t"}).failure().message.find("'rwx'"), std::string::npos);
  EXPECT_NE(parsed({"-o", "br:/a,squash_to_uid=0", "/t"}).failure().message.find("not supported"),
            std::string::npos);
  EXPECT_FALSE(parsed({"-o", "br:/a,remount", "/t"}));
  EXPECT_FALSE(parsed({"-o", "br:/a"}));
  EXPECT_FALSE(parsed({"/t"}));
}

TEST(FuseOptions, AsMountHelper) {
  const auto options = parsed({"layers", "/t", "-n", "-o", "rw,br:/a=rw"}, "/sbin/mount.fuse.node-aufs");
  ASSERT_TRUE(options);
  EXPECT_EQ(options->fsname, "layers");
  EXPECT_EQ(options->target, "/t");
}

TEST(FuseOptions, HelpAndVersionNeedNothingElse) {
  EXPECT_TRUE(parsed({"--help"})->help);
  EXPECT_TRUE(parsed({"--version"})->version);
}

TEST(FuseEscapedList, BackslashKeepsSeparators) {
  const auto parts = split_escaped("a\\,b,c\\\\,d", ',');
  ASSERT_EQ(parts.size(), 3U);
  EXPECT_EQ(unescape(parts[0]), "a,b");
  EXPECT_EQ(unescape(parts[1]), "c\\");
  EXPECT_EQ(unescape("end\\"), "end\\");
}

TEST(FuseMountTable, ReadsPointsWithSpaces) {
  const auto lines = parse_mount_table(
      "36 35 98:0 / /mnt/a\\040b rw,noatime master:1 - ext3 /dev/root rw\n"
      "broken line\n"
      "40 35 0:44 / /m rw - fuse.node-aufs node-aufs rw\n");
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(lines[0].point, "/mnt/a b");
  EXPECT_EQ(lines[1].id, 40U);
  EXPECT_EQ(lines[1].device, "0:44");
  EXPECT_EQ(lines[1].type, "fuse.node-aufs");
}

TEST(FuseJsonLine, QuotesWhatNeedsIt) {
  JsonLine json;
  json.open('{').key("a").text("x\"\\\n").key("b").open('[').number(1).boolean(true).close(']').close('}');
  EXPECT_EQ(std::move(json).take(), "{\"a\":\"x\\\"\\\\\\u000a\",\"b\":[1,true]}\n");
}

}  // namespace
}  // namespace aufs::fuse
