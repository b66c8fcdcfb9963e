// SPDX-License-Identifier: MIT
#include "fuse/branch_control.h"

#include <cerrno>
#include <charconv>
#include <unordered_set>
#include <vector>

#include "fuse/failure.h"
#include "fuse/json_line.h"
#include "fuse/notify.h"
#include "fuse/preflight.h"
#include "sys/mount_control.h"

namespace aufs::fuse {
namespace {

constexpr std::size_t kListRoom = sys::kControlSize - 1024;  // bytes of a list before it ends

using Words = std::vector<std::string>;

Words split(std::string_view command) {
  Words words;
  while (!command.empty()) {
    const std::size_t end = command.find('\0');
    if (end == 0) break;  // padding
    words.emplace_back(command.substr(0, end));
    command.remove_prefix(end == std::string_view::npos ? command.size() : end + 1);
  }
  return words;
}

std::string failed(const Failure& failure, const std::vector<std::string>& users = {}) {
  JsonLine json;
  json.open('{').key("ok").boolean(false).key("code").text(failure.code);
  json.key("errno").number(static_cast<std::uint64_t>(failure.number));
  json.key("message").text(failure.message).key("path").text(failure.path);
  json.key("users").open('[');
  std::size_t room = kListRoom / 2;
  for (const std::string& user : users) {
    if (user.size() > room) break;
    room -= user.size();
    json.text(user);
  }
  json.close(']').close('}');
  return std::move(json).take();
}

std::string usage(const std::string& message) {
  return failed({"ERR_USAGE", EINVAL, message, ""});
}

std::string done() {
  JsonLine json;
  json.open('{').key("ok").boolean(true).close('}');
  return std::move(json).take();
}

Failure unknown_branch(const std::string& path) {
  return {"ERR_BRANCH_NOT_FOUND", ENOENT,
          "'" + path + "' is no branch of this union; its branches are listed by `branch list`", path};
}

Failure in_use(const std::string& path) {
  return {"ERR_BRANCH_BUSY", EBUSY,
          "branch '" + path + "' is in use; close the files that are open in it, leave its directories",
          path};
}

template <typename Number>
bool read_number(const std::string& text, Number& number) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size();
}

// The node at a path without symlinks; null if there is none.
NodePtr find_path(UnionFs& fs, std::string_view path) {
  NodePtr node = fs.root();
  while (!path.empty()) {
    const std::size_t slash = path.find('/');
    const Result<Found> found = fs.lookup(node, path.substr(0, slash));
    if (!found) return nullptr;
    node = found->node;
    path.remove_prefix(slash == std::string_view::npos ? path.size() : slash + 1);
  }
  return node;
}

// --- what the kernel remembers

using NodeName = std::pair<NodePtr, std::string>;

std::vector<NodeName> known_names(Server& server) {
  std::vector<NodeName> names;
  for (const NodePtr& node : server.nodes.all()) {
    for (NodeName& name : server.fs.names_of(node)) names.push_back(std::move(name));
  }
  return names;
}

// Names that the kernel knows as present are in `before`; those that it knows as absent may be there now.
void tell_kernel(Server& server, const std::vector<NodeName>& before, const StackChange& change, int device) {
  std::unordered_set<const Node*> touched;
  for (const NodePtr& dir : change.touched) touched.insert(dir.get());
  for (const auto& [parent, name] : before) {
    if (touched.count(parent.get()) == 0) continue;
    if (const std::uint64_t id = server.nodes.find(parent)) notify_name_changed(device, id, name);
  }
  for (const NodePtr& dir : change.touched) {
    const std::uint64_t id = server.nodes.find(dir);
    if (id == 0) continue;
    if (const auto names = server.fs.readdir(dir)) {
      for (const DirEntry& entry : *names) notify_name_changed(device, id, entry.name);
    }
    notify_directory_changed(device, id);
  }
}

// --- commands

std::string list(Server& server, const Words& words) {
  std::size_t first = 0;
  if (words.size() != 2 || !read_number(words[1], first)) return usage("use: list FIRST");
  const std::vector<BranchSpec> branches = server.fs.branches();
  JsonLine json;
  json.open('{').key("ok").boolean(true).key("total").number(branches.size());
  json.key("branches").open('[');
  std::size_t room = kListRoom;
  for (std::size_t i = first; i < branches.size(); ++i) {
    // Where the directory is now, wherever it was moved.
    const Result<std::string> real = server.fs.branch_path(static_cast<BranchIndex>(i));
    const std::string& path = real ? *real : branches[i].path;
    const std::string perm = perm_text(branches[i].perm);
    const std::size_t size = 2 * path.size() + perm.size() + 32;  // every byte may need an escape
    if (size > room) break;
    room -= size;
    json.open('{').key("path").text(path).key("perm").text(perm).close('}');
  }
  json.close(']').close('}');
  return std::move(json).take();
}

std::string insert(Server& server, const Words& words, StackChange& change) {
  std::size_t at = 0;
  if (words.size() != 4 || !read_number(words[1], at)) return usage("use: insert POSITION PERM PATH");
  const std::string& path = words[3];
  const Result<BranchPerm> perm = parse_perm(words[2]);
  if (!perm) return usage("unknown permission '" + words[2] + "' of branch '" + path + "'");
  if (at > server.fs.branches().size()) return usage("there is no position " + words[1] + " in this stack");
  Refusal refusal;
  Status inserted = check_apart(path, server.settings.target, refusal);
  if (inserted) inserted = server.fs.insert_branch(at, {path, *perm}, change, &refusal);
  return inserted ? done() : failed(explain_branch(path, inserted.error(), refusal.overlap));
}

std::string remove(Server& server, const Words& words, StackChange& change) {
  if (words.size() < 2) return usage("use: remove PATH [DIRECTORY…]");
  std::vector<NodePtr> held;
  for (const std::shared_ptr<DirHandle>& handle : server.dirs.all()) held.push_back(handle->node);
  for (std::size_t i = 2; i < words.size(); ++i) {
    if (NodePtr node = find_path(server.fs, words[i])) held.push_back(std::move(node));
  }
  server.files_ahead.drop_all();
  const Status removed = server.fs.remove_branch(words[1], held, change);
  if (removed) return done();
  switch (removed.error().code) {
    case ENOENT: return failed(unknown_branch(words[1]));
    case EBUSY: return failed(in_use(words[1]), change.users);
    case EINVAL: return usage("'" + words[1] + "' is the last branch of this union; unmount it instead");
    default: return failed(explain_branch(words[1], removed.error()));
  }
}

std::string change_perm(Server& server, const Words& words, StackChange& change) {
  if (words.size() != 3) return usage("use: change PATH PERM");
  const Result<BranchPerm> perm = parse_perm(words[2]);
  if (!perm) return usage("unknown permission '" + words[2] + "' of branch '" + words[1] + "'");
  server.files_ahead.drop_all();
  const Status changed = server.fs.change_branch(words[1], *perm, change);
  if (changed) return done();
  if (changed.error().code == ENOENT) return failed(unknown_branch(words[1]));
  if (!change.users.empty()) return failed(in_use(words[1]), change.users);
  return failed(explain_branch(words[1], changed.error()));
}

}  // namespace

std::string obey_control(Server& server, std::string_view command, int device) {
  const Words words = split(command);
  const std::string verb = words.empty() ? "" : words.front();
  if (verb == "list") return list(server, words);
  const std::vector<NodeName> before = known_names(server);
  StackChange change;
  std::string answer;
  if (verb == "insert") answer = insert(server, words, change);
  else if (verb == "remove") answer = remove(server, words, change);
  else if (verb == "change") answer = change_perm(server, words, change);
  else return usage("unknown command '" + verb + "'");
  tell_kernel(server, before, change, device);
  return answer;
}

}  // namespace aufs::fuse
