// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "base/result.h"

// How one of several writable branches is chosen. Source: aufs(5), "Policies to Select One among Multiple Writable
// Branches"; the names are its own. With one writable branch all policies are the same.
namespace aufs {

// For new entries.
enum class CreateRule : std::uint8_t {
  kTopDownParent,       // tdp: the topmost branch that has the directory, or the next writable one above it
  kRoundRobin,          // rr: each in turn; a directory goes where the next file will
  kMostFree,            // mfs: most free space, the lower one of equals
  kMostFreeRoundRobin,  // mfsrr: mfs until even that branch has less than the watermark, then rr
  kTopDownMostFree,     // tdmfs: the topmost that has more than the watermark, else mfs
  kParentMostFree,      // pmfs: mfs among the branches that have the directory
  kParentMostFreeRoundRobin,  // pmfsrr: pmfs until that branch has less than the watermark, then mfsrr
};

struct CreatePolicy {
  CreateRule rule = CreateRule::kTopDownParent;
  std::uint64_t watermark = 0;      // bytes
  std::chrono::seconds expire{30};  // for how long a measurement of free space is good
};

// For what is copied up, and for whiteouts of what is not in a writable branch.
enum class CopyUpPolicy : std::uint8_t {
  kTopDownParent,   // tdp: the topmost branch that has the directory, else the nearest above the source
  kBottomUpParent,  // bup: the nearest above the source that has the directory, else the nearest above those
  kBottomUp,        // bu: the nearest above the source
};

// Reads "tdp", "rr", "mfs[:SECONDS]", "mfsrr:BYTES[:SECONDS]", "tdmfs:BYTES[:SECONDS]", "pmfs[:SECONDS]",
// "pmfsrr:BYTES[:SECONDS]", and AUFS's long names of them. Errors: EINVAL.
Result<CreatePolicy> parse_create_policy(std::string_view text);
// Reads "tdp", "bup", "bu" and the long names. Errors: EINVAL.
Result<CopyUpPolicy> parse_copy_up_policy(std::string_view text);

}  // namespace aufs
