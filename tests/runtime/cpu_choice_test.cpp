#include "runtime/engine/cpu_choice.h"

#include <gtest/gtest.h>

#include <thread>

namespace leat::runtime {
namespace {

// On a thread of its own, so that nothing is left of it.
template <class F>
void on_a_thread(F&& f) {
  std::thread(f).join();
}

cpu_set_t own_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  EXPECT_EQ(sched_getaffinity(0, sizeof mask, &mask), 0);
  return mask;
}

TEST(CpuChoiceTest, AThreadLeavesTheCpuAndKeepsItsMask) {
  on_a_thread([] {
    const cpu_set_t before = own_mask();
    if (CPU_COUNT(&before) < 2) GTEST_SKIP() << "one CPU";
    int left = 0;
    for (int k = 0; k < 20; ++k) {
      const int here = sched_getcpu();
      cpu_set_t taken;
      CPU_ZERO(&taken);
      CPU_SET(here, &taken);
      leave_cpus(taken);
      left += sched_getcpu() != here;
      const cpu_set_t after = own_mask();
      EXPECT_TRUE(CPU_EQUAL(&before, &after));
    }
    EXPECT_GE(left, 15);  // the scheduler may have taken it back at once, now and then
  });
}

TEST(CpuChoiceTest, WithNowhereToGoItStays) {
  on_a_thread([] {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    ASSERT_EQ(sched_setaffinity(0, sizeof one, &one), 0);
    const cpu_set_t taken = own_mask();
    leave_cpus(taken);
    const cpu_set_t after = own_mask();
    EXPECT_TRUE(CPU_EQUAL(&taken, &after));
  });
}

}  // namespace
}  // namespace leat::runtime
