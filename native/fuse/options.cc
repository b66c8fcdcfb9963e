// SPDX-License-Identifier: MIT
#include "fuse/options.h"

#include <sys/mount.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "fuse/escaped_list.h"
#include "fuse/option_words.h"

namespace aufs::fuse {
namespace {

Failure usage(std::string message) {
  return {"ERR_USAGE", 0, std::move(message) + " (see node-aufs-fuse --help)", ""};
}

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

// Words that say yes, and no with "no" before them.
struct Switch {
  std::string_view name;
  bool Options::*field;
};
constexpr std::array kSwitches{
    Switch{"shwh", &Options::show_whiteouts},       Switch{"dirren", &Options::dirren},
    Switch{"dirperm1", &Options::dirperm1},         Switch{"volatile", &Options::is_volatile},
    Switch{"nonempty", &Options::nonempty},         Switch{"passthrough", &Options::passthrough},
    Switch{"data_at_open", &Options::data_at_open}, Switch{"list_ahead", &Options::list_ahead},
    Switch{"open_ahead", &Options::open_ahead},     Switch{"uring", &Options::uring},
    Switch{"btime", &Options::birth_times},         Switch{"near_caller", &Options::near_caller},
    Switch{"park_threads", &Options::park_threads},
};

bool is_yes(std::string_view value) noexcept {
  return value.empty() || value == "1" || value == "on" || value == "yes";
}

template <typename T>
bool read_number(std::string_view text, T& into) noexcept {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  return !text.empty() && error == std::errc() && end == text.data() + text.size();
}

// Not from_chars: libstdc++ 10 has it for whole numbers only. Digits with at most one point, no signs, no exponents.
bool read_seconds(std::string_view text, double& into) {
  const bool plain = !text.empty() && text.size() < 16 && text.front() != '.' &&
                     text.find_first_not_of("0123456789.") == std::string_view::npos &&
                     std::count(text.begin(), text.end(), '.') <= 1;
  if (plain) into = std::stod(std::string(text));
  return plain;
}

// A branch as it was written: the default permission is only known when all branches are.
struct RawBranch {
  std::string path;
  std::optional<std::string> perm;
};

// The words of one -o list, split into name and value.
struct Word {
  std::string_view name;
  std::string_view value;
};

class Parser {
 public:
  Outcome<Options> run(std::span<const std::string> arguments) {
    if (auto failure = read_arguments(arguments)) return *std::move(failure);
    if (options_.help || options_.version) return std::move(options_);
    if (auto failure = finish()) return *std::move(failure);
    return std::move(options_);
  }

 private:
  MaybeFailure read_arguments(std::span<const std::string> arguments);
  MaybeFailure read_switch(std::span<const std::string> arguments, std::size_t& at);
  MaybeFailure read_positional();
  MaybeFailure read_list(std::string_view list);
  MaybeFailure read_word(const Word& word);
  std::optional<MaybeFailure> read_branch_word(const Word& word);
  std::optional<MaybeFailure> read_own_word(const Word& word);
  bool read_switch(const Word& word);
  MaybeFailure read_choice(const Word& word);
  MaybeFailure read_policy(const Word& word);
  MaybeFailure read_timeouts(const Word& word);
  MaybeFailure add_aufs_branches(std::string_view list);
  MaybeFailure add_lower(std::string_view list);
  MaybeFailure finish();
  MaybeFailure gather_branches();

  Options options_;
  bool is_mount_helper_ = false;
  std::vector<RawBranch> aufs_;      // br:, dirs=
  std::vector<RawBranch> explicit_;  // --branch
  std::vector<std::string> lower_;
  std::optional<std::string> upper_;
  std::vector<std::string> positional_;
  bool named_ = false;  // fsname= was given
};

// The name of the file without its folders.
std::string_view base_name(std::string_view path) noexcept {
  return path.substr(path.rfind('/') + 1);
}

MaybeFailure Parser::read_arguments(std::span<const std::string> arguments) {
  if (!arguments.empty()) is_mount_helper_ = base_name(arguments.front()).starts_with("mount.");
  bool only_positional = false;
  for (std::size_t at = 1; at < arguments.size(); ++at) {
    const std::string& argument = arguments[at];
    if (only_positional || argument.size() < 2 || argument[0] != '-') {
      positional_.push_back(argument);
    } else if (argument == "--") {
      only_positional = true;
    } else if (auto failure = read_switch(arguments, at)) {
      return failure;
    }
  }
  if (options_.help || options_.version) return std::nullopt;
  if (!options_.write_chain_index.empty() && positional_.empty()) return std::nullopt;
  return read_positional();
}

MaybeFailure Parser::read_switch(std::span<const std::string> arguments, std::size_t& at) {
  const std::string& argument = arguments[at];
  const auto remaining = arguments.size() - at - 1;
  if (argument == "--help" || argument == "-h") {
    options_.help = true;
  } else if (argument == "--version" || argument == "-V") {
    options_.version = true;
  } else if (argument == "-f" || argument == "--foreground") {
    options_.foreground = !is_mount_helper_;  // mount(8) means "fake" by -f, and then does not call us at all
  } else if (is_mount_helper_ && (argument == "-n" || argument == "-s" || argument == "-v")) {
    // mount(8): do not write mtab; tolerate unknown options; be verbose
  } else if (argument == "--control-fd") {
    if (remaining < 1 || !read_number(arguments[++at], options_.control_fd) || options_.control_fd < 0) {
      return usage("--control-fd needs the number of an open descriptor");
    }
  } else if (argument == "--branch") {
    if (remaining < 2) return usage("--branch needs a path and a permission, as in --branch /layer ro+wh");
    explicit_.push_back({arguments[at + 1], arguments[at + 2]});
    at += 2;
  } else if (argument == "--write-chain-index") {
    if (remaining < 1) return usage("--write-chain-index needs a file");
    options_.write_chain_index = arguments[++at];
  } else if (argument == "-o") {
    if (remaining < 1) return usage("-o needs a list of options");
    return read_list(arguments[++at]);
  } else if (argument.starts_with("-o")) {
    return read_list(std::string_view(argument).substr(2));
  } else {
    return usage("unknown switch " + quoted(argument));
  }
  return std::nullopt;
}

MaybeFailure Parser::read_positional() {
  if (positional_.empty()) return usage("no mountpoint given");
  if (positional_.size() > 2) return usage("too many arguments: " + quoted(positional_[2]));
  options_.target = positional_.back();
  if (positional_.size() == 2 && !named_ && positional_.front() != "none")
    options_.fsname = positional_.front();
  if (options_.target.empty()) return usage("the mountpoint is an empty string");
  return std::nullopt;
}

MaybeFailure Parser::read_list(std::string_view list) {
  for (const std::string_view item : split_escaped(list, ',')) {
    if (item.empty()) continue;
    // AUFS allows "br:" beside "br="
    const std::size_t cut =
        item.starts_with("br:") || item.starts_with("dirs:") ? item.find(':') : item.find('=');
    const Word word{item.substr(0, cut),
                    cut == std::string_view::npos ? std::string_view() : item.substr(cut + 1)};
    if (auto failure = read_word(word)) return failure;
  }
  return std::nullopt;
}

MaybeFailure Parser::read_word(const Word& word) {
  if (auto done = read_branch_word(word)) return *std::move(done);
  if (auto done = read_own_word(word)) return *std::move(done);
  if (const FlagWord* flag = find_flag_word(word.name); flag != nullptr && word.value.empty()) {
    options_.mount_flags = (options_.mount_flags & ~flag->clear) | flag->set;
    return std::nullopt;
  }
  if (word.name.starts_with("x-") || word.name.starts_with("X-")) return std::nullopt;
  if (const KnownWord* known = find_known_word(word.name, word.value)) {
    if (known->stance == Stance::kAccepted) return std::nullopt;
    return usage("option " + quoted(word.name) + " is not supported: " + std::string(known->reason));
  }
  return usage("unknown option " + quoted(word.name));
}

// Empty if the word names no branch.
std::optional<MaybeFailure> Parser::read_branch_word(const Word& word) {
  if (word.name == "br" || word.name == "dirs") return add_aufs_branches(word.value);
  if (word.name == "lowerdir" || word.name == "lowerdir+") return add_lower(word.value);
  if (word.name == "upperdir") {
    if (word.value.empty()) return MaybeFailure(usage("upperdir= needs a directory"));
    upper_ = unescape(word.value);
    return MaybeFailure();
  }
  if (word.name == "workdir") return MaybeFailure();  // files are made in place, without a second directory
  return std::nullopt;
}

std::optional<MaybeFailure> Parser::read_own_word(const Word& word) {
  const MaybeFailure fine;
  if (word.name == "threads") {
    const bool good =
        read_number(word.value, options_.threads) && options_.threads >= 1 && options_.threads <= 256;
    return good ? fine : usage("threads= needs a number from 1 to 256, got " + quoted(word.value));
  }
  if (word.name.ends_with("_timeout") || word.name == "timeout") return read_timeouts(word);
  if (word.name == "fsname") {
    options_.fsname = unescape(word.value);
    named_ = true;
    return options_.fsname.empty() ? usage("fsname= needs a name") : fine;
  }
  if (word.name == "chain_index") {
    options_.chain_index = unescape(word.value);
    return options_.chain_index.starts_with('/') ? fine : usage("chain_index= needs an absolute path");
  }
  if (word.name == "fsync") {  // podman's word for `volatile` is fsync=0
    options_.is_volatile = word.value == "0";
    return fine;
  }
  if (word.name == "background_copy_up") {
    const bool good = read_number(word.value, options_.background_copy_up);
    return good ? fine : usage("background_copy_up= needs a number of bytes, got " + quoted(word.value));
  }
  if (word.name == "nobackground_copy_up") return options_.background_copy_up = 0, fine;
  if (word.name == "udba" || word.name == "diropq") return read_choice(word);
  if (word.name.ends_with("policy") || word.name == "create" || word.name == "cpup" || word.name == "copyup")
    return read_policy(word);
  if (word.name == "allow_other") return options_.allow_other = true, fine;
  if (word.name == "noallow_other") return options_.allow_other = false, fine;
  if (read_switch(word)) return fine;
  return std::nullopt;
}

bool Parser::read_switch(const Word& word) {
  for (const auto& [name, field] : kSwitches) {
    const bool no = word.name.starts_with("no") && word.name.substr(2) == name;
    if (!no && word.name != name) continue;
    options_.*field = !no && is_yes(word.value);
    return true;
  }
  return false;
}

MaybeFailure Parser::read_choice(const Word& word) {
  const bool udba = word.name == "udba";
  const std::string_view value = word.value;
  const bool less = udba ? value == "none" : value == "w" || value == "whiteouted";
  const bool more = udba ? value == "reval" || value == "notify" : value == "a" || value == "always";
  if (!less && !more) {
    const std::string known = udba ? "none, reval or notify" : "w (whiteouted) or a (always)";
    return usage("option " + quoted(word.name) + " is " + known + ", not " + quoted(value));
  }
  (udba ? options_.revalidate : options_.always_opaque) = more;
  return std::nullopt;
}

MaybeFailure Parser::read_policy(const Word& word) {
  if (word.name == "create" || word.name == "create_policy") {
    const Result<CreatePolicy> policy = parse_create_policy(word.value);
    if (!policy)
      return usage("unknown create policy " + quoted(word.value) +
                   ": use tdp, rr, mfs, mfsrr:BYTES, tdmfs:BYTES, pmfs or pmfsrr:BYTES");
    options_.create_policy = *policy;
    return std::nullopt;
  }
  const Result<CopyUpPolicy> policy = parse_copy_up_policy(word.value);
  if (!policy) return usage("unknown copy-up policy " + quoted(word.value) + ": use tdp, bup or bu");
  options_.copy_up_policy = *policy;
  return std::nullopt;
}

MaybeFailure Parser::read_timeouts(const Word& word) {
  double seconds = 0;
  if (!read_seconds(word.value, seconds)) {
    return usage(std::string(word.name) + "= needs a number of seconds, got " + quoted(word.value));
  }
  const bool all = word.name == "timeout";
  if (!all && word.name != "entry_timeout" && word.name != "attr_timeout" &&
      word.name != "negative_timeout") {
    return usage("unknown option " + quoted(word.name));
  }
  if (all || word.name == "entry_timeout") options_.timeouts.entry = seconds;
  if (all || word.name == "attr_timeout") options_.timeouts.attr = seconds;
  if (all || word.name == "negative_timeout") options_.timeouts.negative = seconds;
  return std::nullopt;
}

MaybeFailure Parser::add_aufs_branches(std::string_view list) {
  for (const std::string_view item : split_escaped(list, ':')) {
    if (item.empty()) return usage("an empty branch in " + quoted(list));
    const std::size_t cut = find_last_unescaped(item, '=');
    RawBranch branch{unescape(item.substr(0, cut)), std::nullopt};
    if (cut != std::string_view::npos) branch.perm = std::string(item.substr(cut + 1));
    if (branch.path.empty()) return usage("a branch without a path in " + quoted(list));
    aufs_.push_back(std::move(branch));
  }
  return std::nullopt;
}

MaybeFailure Parser::add_lower(std::string_view list) {
  for (const std::string_view item : split_escaped(list, ':')) {
    if (item.empty()) return usage("an empty directory in lowerdir=" + std::string(list));
    lower_.push_back(unescape(item));
  }
  return std::nullopt;
}

MaybeFailure Parser::gather_branches() {
  const int ways =
      (aufs_.empty() ? 0 : 1) + (explicit_.empty() ? 0 : 1) + (lower_.empty() && !upper_ ? 0 : 1);
  if (ways == 0) return usage("no branches given: use br:UPPER=rw:LOWER=ro+wh, or lowerdir= and upperdir=");
  if (ways > 1) return usage("branches given in more than one way");
  std::vector<RawBranch> raw = aufs_.empty() ? std::move(explicit_) : std::move(aufs_);
  if (upper_) raw.push_back({*upper_, options_.read_only ? "ro+wh" : "rw"});
  for (std::string& path : lower_) raw.push_back({std::move(path), "ro+wh"});
  for (RawBranch& branch : raw) {
    const bool first_writable = options_.branches.empty() && !options_.read_only;
    const std::string perm = branch.perm.value_or(first_writable ? "rw" : "ro");
    const Result<BranchPerm> parsed = parse_perm(perm);
    if (!parsed) {
      return usage("unknown permission " + quoted(perm) + " of branch " + quoted(branch.path) +
                   ": use rw, ro, rr, ro+wh or rr+wh");
    }
    options_.branches.push_back({std::move(branch.path), *parsed});
  }
  return std::nullopt;
}

MaybeFailure Parser::finish() {
  if (options_.revalidate) options_.timeouts = {0, 0, 0};
  if (!options_.dirperm1) options_.timeouts.entry = options_.timeouts.negative = 0;
  options_.read_only = (options_.mount_flags & MS_RDONLY) != 0;
  if (auto failure = gather_branches()) return failure;
  const bool any_writable = std::any_of(options_.branches.begin(), options_.branches.end(),
                                        [](const BranchSpec& branch) { return branch.perm.writable; });
  if (!any_writable) {
    options_.read_only = true;
    options_.mount_flags |= MS_RDONLY;
  }
  return std::nullopt;
}

}  // namespace

Outcome<Options> parse_command_line(std::span<const std::string> arguments) {
  return Parser().run(arguments);
}

std::string_view help_text() noexcept {
  return "usage: node-aufs-fuse [-f] [--control-fd N] [--branch PATH PERM]... [-o OPTIONS] [SOURCE] TARGET\n"
         "\n"
         "Mounts a union of directories on TARGET. Returns when the mount is usable; unmount with umount(8), "
         "or\n"
         "fusermount3 -u as an ordinary user.\n"
         "\n"
         "  -o br:UPPER=rw:LOWER=ro+wh:...        branches, topmost first (rw, ro, rr, ro+wh, rr+wh; default "
         "rw for the\n"
         "                                        first, ro for the others); \\ before : , = takes their "
         "meaning away\n"
         "  -o lowerdir=A:B,upperdir=C,workdir=D  the same in overlayfs's words; without upperdir read-only\n"
         "  --branch PATH PERM                    the same, one branch at a time, nothing to escape\n"
         "  -o ro,nosuid,nodev,noexec,noatime,... as for every mount\n"
         "  -o nodirren                           renaming a directory that has lower parts fails with "
         "EXDEV, as AUFS\n"
         "  -o volatile                           do not wait for the disk after a copy_up\n"
         "  -o background_copy_up=BYTES           files with so much data are copied up behind who changes "
         "them "
         "(default: 8 MiB)\n"
         "  -o nobackground_copy_up               every first write or change waits until the file is "
         "copied\n"
         "  -o allow_other, noallow_other         whether other users may use the mount\n"
         "  -o nonempty                           TARGET may have entries\n"
         "  -o threads=N                          threads that serve (default: processors, 4 to 8)\n"
         "  -o entry_timeout=S, attr_timeout=S, negative_timeout=S\n"
         "                                        seconds that the kernel may trust names, attributes, "
         "absent names\n"
         "  -o nopassthrough                      all data goes through this server\n"
         "  -o nodata_at_open                     the kernel asks for the data of small lower files, too\n"
         "  -o nolist_ahead                       directories are read when they are listed, not before\n"
         "  -o noopen_ahead                       small files are read when they are opened, not before\n"
         "  -o nobtime                            files have no time of birth, for which Node asks with each "
         "first stat\n"
         "  -o chain_index=FILE                   knows the read-only branches from this file, which is made "
         "if "
         "need be\n"
         "  -o nouring                            requests come through /dev/fuse even where the kernel has "
         "io_uring for them\n"
         "  -o nonear_caller                      threads do not stay with a lone caller\n"
         "  -o nopark_threads                     all threads wait for requests, not only as many as are "
         "needed\n"
         "  -o fsname=NAME                        what the mount table shows as source\n"
         "  -f                                    stay in the foreground\n"
         "  --control-fd N                        be told what to do on this socket; its end ends the mount\n"
         "  --write-chain-index FILE              makes such a file of the read-only branches at the bottom, "
         "mounts "
         "nothing\n"
         "  --version, --help\n";
}

}  // namespace aufs::fuse
