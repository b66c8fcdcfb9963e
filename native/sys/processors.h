// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"

namespace aufs::sys {

// Numbers of processors, ascending.
struct Processors {
  std::vector<unsigned> possible;  // that the machine may ever have
  std::vector<unsigned> online;
};
Result<Processors> processors();

// Reads "0-3,8" as /sys has it; empty if it is no such list.
std::vector<unsigned> parse_processor_list(std::string_view text);

}  // namespace aufs::sys
