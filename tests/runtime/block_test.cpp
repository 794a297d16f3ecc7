#include "runtime/block.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

namespace leat::runtime {
namespace {

// What /proc/self/smaps says of the memory at an address: "rd wr mr mw me ac hg ..."; empty if nothing.
std::string flags_of(const void* address) {
  std::ifstream file("/proc/self/smaps");
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    std::uintptr_t begin = 0, end = 0;
    char dash = 0;
    if (std::istringstream(line) >> std::hex >> begin >> dash >> end && dash == '-') {
      inside = begin <= wanted && wanted < end;
    } else if (inside && line.starts_with("VmFlags:")) {
      return line.substr(8) + " ";
    }
  }
  return "";
}

TEST(Block, IsAlignedAndHasItsBytes) {
  for (const std::size_t bytes : {0u, 1u, 64u, 4095u, 1u << 20, (4u << 20) - 1, 4u << 20, (9u << 20) + 77}) {
    void* const block = allocate_block(bytes);
    ASSERT_NE(block, nullptr) << bytes;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(block) % kBlockAlignment, 0u) << bytes;
    std::memset(block, 1, bytes);
    free_block(block, bytes);
  }
  free_block(nullptr, 100);
}

TEST(Block, LargeOnesAskForHugePages) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage/enabled"))
    GTEST_SKIP() << "a system without huge pages";
  constexpr std::size_t kHuge = 2 << 20;
  void* const large = allocate_block(10 * kHuge + 100);
  ASSERT_NE(large, nullptr);
  EXPECT_EQ(reinterpret_cast<std::uintptr_t>(large) % kHuge, 0u);
  EXPECT_NE(flags_of(large).find(" hg "), std::string::npos) << flags_of(large);
  // The rest, of less than a page, is not rounded up to one.
  EXPECT_EQ(flags_of(static_cast<std::byte*>(large) + 10 * kHuge).find(" hg "), std::string::npos);
  free_block(large, 10 * kHuge + 100);
}

}  // namespace
}  // namespace leat::runtime
