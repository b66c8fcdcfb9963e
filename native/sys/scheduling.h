// SPDX-License-Identifier: MIT
#pragma once

#include <sched.h>
#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"

// When and where threads run: sched(7). A `thread` is what thread_id() gives; 0 is the calling one.
namespace aufs::sys {

pid_t thread_id() noexcept;

// This thread runs when nobody else wants the processor: nice 19.
void give_way() noexcept;

// Lets a thread run on this processor only. Errors: EINVAL if it may not, or if there is none.
Status stay_on_processor(unsigned number, pid_t thread = 0) noexcept;

// Anybody else who wants a thread's processor has it at once, and the scheduler takes the processor for an idle one: SCHED_IDLE. What it reads
// and writes waits for nobody else's, as before. Back by put_back(), which needs CAP_SYS_NICE.
Status run_when_idle(pid_t thread) noexcept;

// How a thread is scheduled.
struct Placement {
  int policy;
  cpu_set_t processors;
};
Result<Placement> placement() noexcept;  // of the calling thread
Status put_back(pid_t thread, const Placement& placement) noexcept;

// How the thread that made this was scheduled then. A thread inherits that from whoever starts it, which may be elsewhere by then: a new one
// whose work is not just for that takes this.
class UsualPlacement {
 public:
  void take() const noexcept {
    if (placement_) [[maybe_unused]]
      const Status put = put_back(0, *placement_);
  }

 private:
  const Result<Placement> placement_ = placement();
};

// A thread of any process as it was a moment ago. Errors: ESRCH, ENOENT: there is none (any more).
struct ThreadState {
  char state;  // R: it runs, or waits for a processor
  unsigned processor;
};
Result<ThreadState> thread_state(pid_t thread) noexcept;
// To ask for a thread's state again and again, at less than half the price.
Result<UniqueFd> watch_thread(pid_t thread) noexcept;
Result<ThreadState> watched_state(int watch) noexcept;

}  // namespace aufs::sys
