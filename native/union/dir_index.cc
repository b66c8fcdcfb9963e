// SPDX-License-Identifier: MIT
#include "union/dir_index.h"

#include <dirent.h>

#include <algorithm>

namespace aufs {
namespace {

Trace trace_of(const NameEntry& entry) {
  return {entry.top, false, entry.type, entry.ino, entry.recorded};
}

bool closes(const Trace& trace) {
  return trace.whiteout || trace.type != DT_DIR;
}

}  // namespace

// Null for a name that only one branch has: the entry says it all.
const DirIndex::Traces* DirIndex::traces_of(const NameEntry& entry, std::string_view name) const {
  return entry.layered ? &traces_.find(name)->second : nullptr;
}

const DirIndex::Traces* DirIndex::traces_of(std::string_view name) const {
  const NameEntry* const entry = find(name);
  return entry == nullptr ? nullptr : traces_of(*entry, name);
}

// The traces of a name as a list, whatever there was before.
DirIndex::Traces& DirIndex::layer(std::string_view name) {
  NameEntry* const entry = names_.find(name);
  if (entry == nullptr) {
    names_.add(name, {0, kNoBranch, 0, true, 0});
    return traces_.emplace(std::string(name), Traces{}).first->second;
  }
  if (entry->layered) return traces_.find(name)->second;
  entry->layered = true;
  return traces_.emplace(std::string(name), Traces{trace_of(*entry)}).first->second;
}

// Makes the entry say what the traces do, after a change.
void DirIndex::settle(std::string_view name) {
  const auto list = traces_.find(name);
  if (list->second.empty()) {
    traces_.erase(list);
    names_.erase(name);
    return;
  }
  NameEntry& entry = *names_.find(name);
  const Trace& top = list->second.front();
  if (top.whiteout) {
    entry = {0, kNoBranch, top.type, true, 0};
    return;
  }
  entry = {top.ino, top.branch, top.type, list->second.size() > 1, top.recorded};
  if (!entry.layered) traces_.erase(list);
}

void DirIndex::append(std::string_view name, const Trace& trace) {
  if (!trace.whiteout && names_.find(name) == nullptr) {
    names_.add(name, {trace.ino, trace.branch, trace.type, false, trace.recorded});
    return;
  }
  layer(name).push_back(trace);
  settle(name);
}

std::optional<Trace> DirIndex::lowest(std::string_view name) const {
  const NameEntry* const entry = find(name);
  if (entry == nullptr) return std::nullopt;
  const Traces* const list = traces_of(*entry, name);
  return list == nullptr ? trace_of(*entry) : list->back();
}

std::vector<Trace> DirIndex::more_traces(std::string_view name) const {
  const Traces* const list = traces_of(name);
  return list == nullptr ? Traces{} : *list;
}

Recorded DirIndex::recorded(std::string_view name) const {
  const NameEntry* const entry = find(name);
  if (entry == nullptr) return 0;
  const Traces* const list = traces_of(*entry, name);
  if (list == nullptr) return entry->recorded;
  const auto known =
      std::find_if(list->begin(), list->end(), [](const Trace& trace) { return trace.recorded != 0; });
  return known == list->end() ? 0 : known->recorded;
}

void DirIndex::put(std::string_view name, const Trace& trace) {
  Traces& list = layer(name);
  const auto at =
      std::lower_bound(list.begin(), list.end(), trace.branch,
                       [](const Trace& known, BranchIndex branch) { return known.branch < branch; });
  if (at != list.end() && at->branch == trace.branch) *at = trace;
  else list.insert(at, trace);
  settle(name);
}

void DirIndex::take(std::string_view name, BranchIndex branch) {
  if (names_.find(name) == nullptr) return;
  Traces& list = layer(name);
  list.erase(
      std::remove_if(list.begin(), list.end(), [&](const Trace& known) { return known.branch == branch; }),
      list.end());
  settle(name);
}

std::vector<BranchIndex> DirIndex::branches_of(std::string_view name) const {
  const NameEntry* const entry = find(name);
  if (entry == nullptr || !entry->visible()) return {};
  const Traces* const list = traces_of(*entry, name);
  if (list == nullptr) return {entry->top};
  std::vector<BranchIndex> branches{entry->top};
  for (auto trace = list->begin(); !closes(*trace) && ++trace != list->end();) {
    if (closes(*trace)) break;  // a directory merges with directories below it, and stops at anything else
    branches.push_back(trace->branch);
  }
  return branches;
}

BranchIndex DirIndex::below(std::string_view name, BranchIndex branch) const {
  const NameEntry* const entry = find(name);
  if (entry == nullptr) return kNoBranch;
  const Traces* const list = traces_of(*entry, name);
  if (list == nullptr) return entry->top > branch ? entry->top : kNoBranch;
  const auto next =
      std::find_if(list->begin(), list->end(), [&](const Trace& trace) { return trace.branch > branch; });
  return next == list->end() || next->whiteout ? kNoBranch : next->branch;
}

BranchIndex DirIndex::above(std::string_view name, BranchIndex branch) const {
  const NameEntry* const entry = find(name);
  if (entry == nullptr) return kNoBranch;
  const Traces* const list = traces_of(*entry, name);
  const BranchIndex top = list == nullptr ? entry->top : list->front().branch;
  return top < branch ? top : kNoBranch;
}

bool DirIndex::has_whiteout(std::string_view name, BranchIndex branch) const {
  const Traces* const list = traces_of(name);
  return list != nullptr && std::any_of(list->begin(), list->end(), [&](const Trace& trace) {
           return trace.branch == branch && trace.whiteout;
         });
}

BranchIndex DirIndex::hidden_by(std::string_view name) const {
  const NameEntry* const entry = find(name);
  if (entry == nullptr || entry->visible()) return kNoBranch;
  return traces_of(*entry, name)->front().branch;
}

BranchIndex DirIndex::closed_at(std::string_view name) const {
  const Traces* const list = traces_of(name);
  if (list == nullptr) return kNoBranch;
  const auto at = std::find_if(list->begin(), list->end(), closes);
  return at == list->end() ? kNoBranch : at->branch;
}

}  // namespace aufs
