// SPDX-License-Identifier: MIT
#include "layer/entry_path.h"

#include <climits>
#include <vector>

#include "layer/archive_error.h"
#include "union/whiteout.h"

namespace aufs::layer {
namespace {

using whiteout::Kind;

std::vector<std::string_view> components_of(std::string_view path) {
  std::vector<std::string_view> components;
  while (!path.empty()) {
    const std::size_t end = std::min(path.find('/'), path.size());
    const std::string_view component = path.substr(0, end);
    if (!component.empty() && component != ".") components.push_back(component);
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return components;
}

Result<Role> role_of(const std::vector<std::string_view>& components) {
  for (std::size_t i = 0; i < components.size(); ++i) {
    const std::string_view component = components[i];
    const bool last = i + 1 == components.size();
    switch (whiteout::classify(component)) {
      case Kind::kNone: break;
      case Kind::kMeta:
        return i == 0 && components.size() == 2 && component == whiteout::kPseudoLinks ? Role::kPseudoLink
                                                                                       : Role::kDropped;
      case Kind::kOpaque:
        if (!last) return unsafe("archive: an entry lies below a whiteout");
        return Role::kOpaque;
      case Kind::kWhiteout: {
        const std::string_view hidden = whiteout::hidden_name(component);
        if (!last) return unsafe("archive: an entry lies below a whiteout");
        if (hidden.empty() || hidden == "." || hidden == "..")
          return unsafe("archive: a whiteout of no name");
        return Role::kWhiteout;
      }
    }
  }
  return Role::kPlain;
}

}  // namespace

std::string EntryPath::whole() const {
  if (dir.empty()) return name;
  std::string path = dir;
  return path.append("/").append(name);
}

Result<EntryPath> clean_path(std::string_view path) {
  if (path.size() >= PATH_MAX) return damaged("archive: a name is longer than a path may be");
  const std::vector<std::string_view> components = components_of(path);
  EntryPath clean;
  for (std::size_t i = 0; i < components.size(); ++i) {
    if (components[i] == "..") return unsafe("archive: a name has '..' in it");
    if (i + 1 == components.size()) {
      clean.name = components[i];
      continue;
    }
    if (i > 0) clean.dir += '/';
    clean.dir += components[i];
  }
  AUFS_TRY(clean.role, role_of(components));
  return clean;
}

}  // namespace aufs::layer
