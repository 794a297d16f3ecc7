// How the units of a shared step are handed out.
#include "runtime/executor/split_progress.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace leat::runtime {
namespace {

using Range = SplitProgress::Range;

SplitStep split_of(std::int64_t units, std::int64_t grain, std::int64_t least) {
  return {units, grain, least, 1e6};
}

TEST(SplitProgress, HandsOutEveryUnitOnce) {
  for (const std::int64_t units : {1, 2, 7, 10, 64, 257, 1000}) {
    for (const std::int64_t grain : {1, 4, 12}) {
      for (const std::int64_t least : {grain, 3 * grain}) {
        for (const int threads : {1, 2, 3, 8, 9, 64}) {
          const SplitStep split = split_of(units, grain, least);
          SplitProgress progress;
          for (int time = 0; time < 2; ++time) {
            progress.Begin();
            EXPECT_EQ(progress.Left(split, threads), units);
            std::vector<int> taken(static_cast<std::size_t>(units));
            std::int64_t left = units;
            for (int cpu = -1;; cpu = (cpu + 5) % 11) {
              const Range range = progress.Take(split, cpu, threads);
              if (!range) break;
              EXPECT_EQ(range.begin % grain, 0);
              EXPECT_TRUE(range.end % grain == 0 || range.end == units);
              for (std::int64_t u = range.begin; u < range.end; ++u) ++taken[static_cast<std::size_t>(u)];
              left -= range.end - range.begin;
              EXPECT_EQ(progress.Left(split, threads), left);
            }
            EXPECT_EQ(taken, std::vector<int>(static_cast<std::size_t>(units), 1))
                << units << " units, grain " << grain << ", least " << least << ", " << threads << " threads";
          }
        }
      }
    }
  }
}

TEST(SplitProgress, AThreadBeginsWithThePartOfItsCpu) {
  const SplitStep split = split_of(200, 1, 1);
  SplitProgress progress;
  progress.Begin();
  const Range first = progress.Take(split, 0, 2), second = progress.Take(split, 1, 2);
  EXPECT_EQ(first.begin, 0);
  EXPECT_EQ(first.end, 50);  // half of its half
  EXPECT_EQ(second.begin, 100);
  EXPECT_EQ(second.end, 150);
  EXPECT_EQ(progress.Take(split, 3, 2).begin, 150);
}

TEST(SplitProgress, WhoIsDoneTakesSmallRangesOfTheOthersParts) {
  const SplitStep split = split_of(200, 1, 1);
  SplitProgress progress;
  progress.Begin();
  Range range;
  do range = progress.Take(split, 1, 2);
  while (range.begin >= 100);
  EXPECT_EQ(range.begin, 0);
  EXPECT_EQ(range.end, 25);
}

TEST(SplitProgress, OneThreadTakesAll) {
  const SplitStep split = split_of(200, 1, 1);
  SplitProgress progress;
  progress.Begin();
  const Range range = progress.Take(split, 5, 1);
  EXPECT_EQ(range.begin, 0);
  EXPECT_EQ(range.end, 200);
  EXPECT_FALSE(progress.Take(split, 5, 1));
}

TEST(SplitProgress, ManyThreadsAtOnce) {
  const SplitStep split = split_of(100000, 1, 1);
  constexpr int kThreads = 8;
  SplitProgress progress;
  progress.Begin();
  std::vector<std::atomic<int>> taken(static_cast<std::size_t>(split.units));
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      while (const Range range = progress.Take(split, t, kThreads)) {
        for (std::int64_t u = range.begin; u < range.end; ++u) ++taken[static_cast<std::size_t>(u)];
      }
    });
  }
  for (std::thread& t : threads) t.join();
  for (const std::atomic<int>& count : taken) ASSERT_EQ(count, 1);
}

}  // namespace
}  // namespace leat::runtime
