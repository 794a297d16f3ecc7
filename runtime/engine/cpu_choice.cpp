#include "runtime/engine/cpu_choice.h"

namespace leat::runtime {

void leave_cpus(const cpu_set_t& taken) {
  cpu_set_t mask, others;
  if (::sched_getaffinity(0, sizeof mask, &mask) != 0) return;  // more CPUs than the set holds
  CPU_AND(&others, &mask, &taken);
  CPU_XOR(&others, &others, &mask);
  if (CPU_COUNT(&others) == 0 || ::sched_setaffinity(0, sizeof others, &others) != 0) return;
  ::sched_setaffinity(0, sizeof mask, &mask);
}

}  // namespace leat::runtime
