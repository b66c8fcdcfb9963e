// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>

#include "union/copy_data.h"
#include "union/engine.h"

namespace aufs {

using CopyUpClock = std::chrono::steady_clock;

// Tells whoever wants to know of a copy_up that began at `since` and is done now.
void report_copy_up(Engine& engine, const NodePtr& node, CopyOutcome outcome, CopyUpClock::time_point since);

}  // namespace aufs
