#include "runtime/engine/cpu_count.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

namespace leat::runtime {
namespace {

int affinity_cpus() {
  // Machines with more than 1024 CPUs need a larger set than the default one.
  for (int cpus = 1024; cpus <= 1 << 18; cpus *= 4) {
    cpu_set_t* set = CPU_ALLOC(static_cast<std::size_t>(cpus));
    if (!set) return 1;
    const std::size_t bytes = CPU_ALLOC_SIZE(static_cast<std::size_t>(cpus));
    const bool ok = sched_getaffinity(0, bytes, set) == 0;
    const int n = ok ? CPU_COUNT_S(bytes, set) : 0;
    CPU_FREE(set);
    if (ok) return std::max(n, 1);
  }
  return 1;
}

// The quota in the directory `path` of a cgroup hierarchy, in CPUs; infinity for none.
double quota_in(const std::string& path) {
  std::string limit;
  double period = 0;
  if (std::ifstream v2(path + "/cpu.max"); v2 >> limit >> period) {
    return limit == "max" || period <= 0 ? INFINITY : std::atof(limit.c_str()) / period;
  }
  double quota = -1;
  std::ifstream q(path + "/cpu.cfs_quota_us"), p(path + "/cpu.cfs_period_us");
  if (q >> quota && p >> period && quota > 0 && period > 0) return quota / period;
  return INFINITY;
}

double cgroup_quota() {
  double least = std::min(quota_in("/sys/fs/cgroup"), quota_in("/sys/fs/cgroup/cpu"));
  std::ifstream own("/proc/self/cgroup");
  for (std::string line; std::getline(own, line);) {
    const std::size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers.find("cpu") == std::string::npos) continue;
    // A limit may stand on any level above.
    for (std::string path = line.substr(second + 1); path.size() > 1;
         path = path.substr(0, path.rfind('/'))) {
      least = std::min({least, quota_in("/sys/fs/cgroup" + path), quota_in("/sys/fs/cgroup/cpu" + path)});
    }
  }
  return least;
}

}  // namespace

int usable_cpus() {
  const int cpus = affinity_cpus();
  const double quota = cgroup_quota();
  return quota < cpus ? std::max(1, static_cast<int>(std::ceil(quota))) : cpus;
}

}  // namespace leat::runtime
