// random_bits against the published vectors of Random123 and against its own definition, element by element.
#include "ir/meaning/philox.h"

#include <gtest/gtest.h>

namespace leat::meaning {
namespace {

void expect_block(PhiloxBlock<std::uint32_t> b, std::uint32_t w0, std::uint32_t w1, std::uint32_t w2,
                  std::uint32_t w3) {
  EXPECT_EQ(b.word[0], w0);
  EXPECT_EQ(b.word[1], w1);
  EXPECT_EQ(b.word[2], w2);
  EXPECT_EQ(b.word[3], w3);
}

TEST(Philox, KnownAnswers) {
  expect_block(philox4x32(0u, 0u, 0u, 0u, 0u, 0u), 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8);
  expect_block(philox4x32(~0u, ~0u, ~0u, ~0u, ~0u, ~0u), 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd);
  expect_block(philox4x32(0x243f6a88u, 0x85a308d3u, 0x13198a2eu, 0x03707344u, 0xa4093822u, 0x299f31d0u),
               0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1);
}

TEST(Philox, ElementsFollowTheStatedNumbering) {
  const std::uint64_t key = 0x0123456789abcdef, offset = 0xfffffffff0;
  for (std::uint64_t i = 0; i < 1024; ++i) {
    const auto b = philox_block(offset + i / 256 * 64 + i % 64, key);
    EXPECT_EQ(random_u32(i, key, offset), b.word[i / 64 % 4]) << i;
    const auto d = philox_block(offset + i / 128 * 64 + i % 64, key);
    const std::uint64_t h = i / 64 % 2;
    EXPECT_EQ(random_u64(i, key, offset), d.word[2 * h] | std::uint64_t{d.word[2 * h + 1]} << 32) << i;
  }
}

}  // namespace
}  // namespace leat::meaning
