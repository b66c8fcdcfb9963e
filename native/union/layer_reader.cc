// SPDX-License-Identifier: MIT
#include "union/layer_reader.h"

#include <dirent.h>

#include <algorithm>
#include <cerrno>
#include <new>

#include "sys/directory.h"
#include "sys/file_io.h"
#include "union/whiteout.h"

namespace aufs {
namespace {

// More at a time would take much memory, and much time for nothing where one of them is opaque.
constexpr std::size_t kMost = 64;

// Directory entries without a type (some file systems give none) are asked one by one.
unsigned char type_of(int dir, const std::string& name, unsigned char type) {
  if (type != DT_UNKNOWN) return type;
  const Result<struct stat> st = sys::stat_at(dir, name.c_str());
  if (!st) return DT_UNKNOWN;
  return static_cast<unsigned char>(IFTODT(st->st_mode));
}

Result<LayerNames> read_layer(int dir, bool honour_whiteouts, bool show_whiteouts) {
  LayerNames layer;
  std::vector<LayerNames::Item> markers;
  AUFS_CHECK(sys::for_each_entry(dir, "", [&](const sys::RawEntry& entry) {
    switch (entry.name == whiteout::kPrefix ? whiteout::Kind::kNone : whiteout::classify(entry.name)) {
      case whiteout::Kind::kNone:
        layer.names.push_back({std::string(entry.name), entry.ino, entry.type});
        break;
      case whiteout::Kind::kWhiteout:
        if (honour_whiteouts && show_whiteouts) {
          layer.names.push_back({std::string(entry.name), entry.ino, entry.type});
        }
        if (honour_whiteouts) {
          layer.whiteouts.push_back({std::string(whiteout::hidden_name(entry.name)), entry.ino, entry.type});
        }
        break;
      case whiteout::Kind::kOpaque:
        if (honour_whiteouts) markers.push_back({std::string(entry.name), entry.ino, entry.type});
        break;
      case whiteout::Kind::kMeta: break;
    }
    return true;
  }));
  for (LayerNames::Item& item : layer.names) item.type = type_of(dir, item.name, item.type);
  for (LayerNames::Item& item : layer.whiteouts) {
    item.type = type_of(dir, whiteout::name_for(item.name), item.type);
    layer.hidden.insert(item.name);
  }
  for (const LayerNames::Item& item : markers) {
    if (type_of(dir, item.name, item.type) != DT_REG) return Error{EIO, "opaque_marker"};
    layer.opaque = true;
  }
  return layer;
}

}  // namespace

// When a layer of the directory last changed.
Result<Stamp> stamp_of(BranchIndex branch, int layer) {
  AUFS_TRY(const struct stat st, sys::stat_fd(layer));
  return Stamp{branch, st.st_ctim, st.st_mtim};
}

LayerReader::LayerReader(Engine& engine, const NodePtr& dir, std::span<const BranchIndex> layers)
    : engine_(engine), dir_(dir), layers_(layers), end_(end_for_several()), disk_(end_) {}

Result<Layer> LayerReader::read_one(BranchIndex branch) const {
  AUFS_TRY(const SharedFd fd, dir_fd(engine_, dir_, branch));
  AUFS_TRY(const Stamp stamp, stamp_of(branch, fd->get()));
  AUFS_TRY(LayerNames names,
           read_layer(fd->get(), engine_.branch(branch).perm.whiteouts, engine_.options.show_whiteouts));
  return Layer{stamp, std::move(names)};
}

// What the chain index may have is not read ahead.
std::size_t LayerReader::end_for_several() const {
  const ChainIndex* const chain = engine_.trusted_chain();
  if (chain == nullptr || dir_->dir->record == kNoRecord) return layers_.size();
  return static_cast<std::size_t>(std::lower_bound(layers_.begin(), layers_.end(), chain->base()) -
                                  layers_.begin());
}

Result<Layer> LayerReader::read(std::size_t place) {
  const bool many = place + kWorthThreads <= end_;
  if (place >= first_ + ahead_.size()) {
    ahead_.clear();
    if (many && disk_.waited()) read_several(place);
  }
  if (ahead_.empty()) return read_one(layers_[place]);
  return std::move(*ahead_[place - first_]);
}

void LayerReader::read_several(std::size_t first) {
  first_ = first;
  ahead_.resize(std::min(kMost, end_ - first));
  for_each_at_once(engine_.usual_placement, ahead_.size(), [&](std::size_t i) {
    try {
      ahead_[i].emplace(read_one(layers_[first + i]));
    } catch (const std::bad_alloc&) {
      ahead_[i].emplace(Error{ENOMEM, "getdents64"});
    }
  });
}

}  // namespace aufs
