// On which CPU a thread of the pool computes.
//
// Linux likes to wake a thread on its waker's own CPU, and leaves two in line there though another CPU is
// idle: on two cores (6.18, a virtual machine) a worker that shared the caller's came to work for 0.3 ms in
// every 4, a tick, for tens of milliseconds. So a thread that finds itself where another one computes leaves.
#pragma once

#include <sched.h>

namespace leat::runtime {

/// Moves the calling thread to a CPU that is not in `taken`, if it may run on such a one; its affinity mask
/// is afterwards what it was.
void leave_cpus(const cpu_set_t& taken);

}  // namespace leat::runtime
