#include "runtime/cpu/packed_constant.h"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <numeric>
#include <vector>

namespace leat::runtime::cpu {
namespace {

constexpr std::size_t kCount = 1 << 16;

std::vector<int> numbers() {
  std::vector<int> v(kCount);
  std::iota(v.begin(), v.end(), 7);
  return v;
}

TEST(PackedConstant, PagesThatAreGivenBackKeepTheirValues) {
  const std::vector<int> expected = numbers();
  std::vector<int> memory = expected;
  page_out(memory.data() + 1, static_cast<std::int64_t>((kCount - 2) * sizeof(int)));
  EXPECT_EQ(memory, expected);

  std::FILE* const file = std::tmpfile();
  ASSERT_NE(file, nullptr);
  ASSERT_EQ(std::fwrite(expected.data(), sizeof(int), kCount, file), kCount);
  ASSERT_EQ(std::fflush(file), 0);
  void* const mapped =
      ::mmap(nullptr, kCount * sizeof(int), PROT_READ | PROT_WRITE, MAP_PRIVATE, ::fileno(file), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto* const values = static_cast<int*>(mapped);
  values[3] = -1;  // this process's own: no file has it
  page_out(values, static_cast<std::int64_t>(kCount * sizeof(int)));
  EXPECT_EQ(values[3], -1);
  values[3] = expected[3];
  EXPECT_EQ(std::vector<int>(values, values + kCount), expected);
  ::munmap(mapped, kCount * sizeof(int));
  std::fclose(file);
}

TEST(PackedConstant, IsPackedOnceFromWhatItIsGiven) {
  const std::vector<int> source = numbers();
  constexpr auto kBytes = static_cast<std::int64_t>(kCount * sizeof(int));
  const PackedConstant constant;
  int packs = 0;
  const auto pack = [&](std::byte* to) {
    ++packs;
    auto* const out = reinterpret_cast<int*>(to);
    for (std::size_t i = 0; i < kCount; ++i) out[i] = source[kCount - 1 - i];
  };
  const std::byte* const first = constant.Get(kBytes, source.data(), kBytes, pack).data();
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(constant.Get(kBytes, source.data(), kBytes, pack).data(), first);
  EXPECT_EQ(packs, 1);
  EXPECT_EQ(reinterpret_cast<const int*>(first)[0], source.back());
  EXPECT_EQ(source, numbers());
}

TEST(PackedConstant, WhoComesWhileItIsPackedReadsTheOperand) {
  const std::vector<int> source = numbers();
  constexpr auto kBytes = static_cast<std::int64_t>(kCount * sizeof(int));
  const PackedConstant constant;
  const auto pack = [&](std::byte* to) {
    const PackedConstant::Use other = constant.Get(kBytes, source.data(), kBytes, [](std::byte*) { FAIL(); });
    EXPECT_EQ(other.data(), nullptr);
    std::memcpy(to, source.data(), static_cast<std::size_t>(kBytes));
  };
  const PackedConstant::Use mine = constant.Get(kBytes, source.data(), kBytes, pack);
  ASSERT_NE(mine.data(), nullptr);
  EXPECT_EQ(std::memcmp(mine.data(), source.data(), static_cast<std::size_t>(kBytes)), 0);
}

}  // namespace
}  // namespace leat::runtime::cpu
