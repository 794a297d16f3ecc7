#include "runtime/engine/cpu_choice.h"

#include <gtest/gtest.h>

#include <thread>

namespace leat::runtime {
namespace {

TEST(CpuChoice, LeavesTheCpusThatAreTakenAndKeepsItsMask) {
  std::thread([] {
    cpu_set_t before, taken, after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
    CPU_ZERO(&taken);
    const int here = ::sched_getcpu();
    CPU_SET(here, &taken);
    leave_cpus(taken);
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&before, &after));
  }).join();
}

TEST(CpuChoice, StaysWhereThereIsNoOther) {
  std::thread([] {
    cpu_set_t all, one, after;
    ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    const int here = ::sched_getcpu();
    CPU_SET(here, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    leave_cpus(all);  // all are taken
    leave_cpus(one);
    EXPECT_EQ(::sched_getcpu(), here);
    ASSERT_EQ(::sched_getaffinity(0, sizeof after, &after), 0);
    EXPECT_TRUE(CPU_EQUAL(&one, &after));
  }).join();
}

}  // namespace
}  // namespace leat::runtime
