// How many threads this process may usefully run.
#pragma once

namespace leat::runtime {

/// CPUs in the affinity mask, or what the cgroup's CPU quota allows if that is less; at least 1.
int usable_cpus();

}  // namespace leat::runtime
