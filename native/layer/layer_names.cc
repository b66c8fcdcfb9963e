// SPDX-License-Identifier: MIT
#include "layer/layer_names.h"

#include <dirent.h>
#include <fcntl.h>

#include "sys/directory.h"
#include "sys/file_io.h"
#include "union/whiteout.h"

namespace aufs::layer {
namespace {

unsigned char type_at(int dir, const std::string& name, unsigned char told) {
  if (told != DT_UNKNOWN) return told;
  const Result<struct stat> st = sys::stat_at(dir, name.c_str());
  if (!st) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(st->st_mode));
}

}  // namespace

Result<LayerNames> read_names(int dir) {
  LayerNames names;
  AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
    switch (whiteout::classify(entry.name)) {
      case whiteout::Kind::kNone: names.entries.emplace(entry.name, entry.type); break;
      case whiteout::Kind::kWhiteout: names.whiteouts.emplace(whiteout::hidden_name(entry.name)); break;
      case whiteout::Kind::kOpaque: names.opaque = true; break;
      case whiteout::Kind::kMeta: break;
    }
    return true;
  }));
  for (const std::string& hidden : names.whiteouts) names.entries.erase(hidden);
  for (auto& [name, type] : names.entries) type = type_at(dir, name, type);
  return names;
}

Result<LowerView> LowerView::open(const std::vector<std::string>& parents) {
  LowerView view;
  for (const std::string& parent : parents) {
    AUFS_TRY(UniqueFd fd, sys::open_at(AT_FDCWD, parent.c_str(), O_PATH | O_DIRECTORY));
    AUFS_CHECK(view.add(std::move(fd)));
  }
  return view;
}

Status LowerView::add(UniqueFd fd) {
  if (!layers_.empty() && layers_.back().names.opaque) return ok();
  AUFS_TRY(LayerNames names, read_names(fd.get()));
  layers_.push_back({std::move(fd), std::move(names)});
  return ok();
}

Result<unsigned char> LowerView::type_of(const std::string& name) const {
  for (const Layer& layer : layers_) {
    if (layer.names.whiteouts.count(name) != 0) break;
    const auto at = layer.names.entries.find(name);
    if (at != layer.names.entries.end()) return at->second;
  }
  return static_cast<unsigned char>(DT_UNKNOWN);
}

Result<LowerView> LowerView::child(const std::string& name) const {
  LowerView view;
  for (const Layer& layer : layers_) {
    if (layer.names.whiteouts.count(name) != 0) break;
    const auto at = layer.names.entries.find(name);
    if (at == layer.names.entries.end()) continue;
    if (at->second != DT_DIR) break;
    AUFS_TRY(UniqueFd fd, sys::open_at(layer.fd.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW));
    AUFS_CHECK(view.add(std::move(fd)));
  }
  return view;
}

std::map<std::string, unsigned char> LowerView::seen() const {
  std::map<std::string, unsigned char> all;
  std::set<std::string> hidden;
  for (const Layer& layer : layers_) {
    hidden.insert(layer.names.whiteouts.begin(), layer.names.whiteouts.end());
    for (const auto& [name, type] : layer.names.entries) {
      if (hidden.count(name) == 0) all.emplace(name, type);
    }
  }
  return all;
}

}  // namespace aufs::layer
