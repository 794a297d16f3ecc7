// random_bits: Philox 4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (SC 2011).
//
// Element i of random_bits(key, offset) is a word of one block; blocks serve 64 lanes, so that vector code
// gets whole vectors of each word:
//
//   u32: counter offset + (i >> 8) * 64 + (i & 63), word (i >> 6) & 3
//   u64: counter offset + (i >> 7) * 64 + (i & 63), words 2h (low) and 2h + 1 (high), h = (i >> 6) & 1
//
// The block's counter words are {counter low, counter high, 0, 0}, its key words {key low, key high}.
// So 256 u32 (128 u64) elements use up 64 counters. Over the number concept: U is u32 lanes, L u64 lanes.
//
//   std::uint32_t r = random_u32(std::uint64_t{i}, key, offset);
#pragma once

#include "ir/meaning/number.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <class U>
struct PhiloxBlock {
  U word[4];
};

/// Ten rounds.
template <class U>
PhiloxBlock<U> philox4x32(U c0, U c1, U c2, U c3, U k0, U k1) {
  using L = Wide<U>;
  const L m0(std::uint64_t{0xd2511f53}), m1(std::uint64_t{0xcd9e8d57});
  for (int round = 0; round < 10; ++round) {
    const L p0 = cast<std::uint64_t>(c0) * m0, p1 = cast<std::uint64_t>(c2) * m1;
    c0 = cast<std::uint32_t>(p1 >> 32) ^ c1 ^ k0;
    c1 = cast<std::uint32_t>(p1);
    c2 = cast<std::uint32_t>(p0 >> 32) ^ c3 ^ k1;
    c3 = cast<std::uint32_t>(p0);
    k0 = k0 + U(std::uint32_t{0x9e3779b9});  // the golden ratio
    k1 = k1 + U(std::uint32_t{0xbb67ae85});  // sqrt(3) - 1
  }
  return {{c0, c1, c2, c3}};
}

/// The block of one 64-bit counter under one 64-bit key.
template <class L>
PhiloxBlock<With<L, std::uint32_t>> philox_block(L counter, L key) {
  using U = With<L, std::uint32_t>;
  const U zero(std::uint32_t{0});
  return philox4x32(cast<std::uint32_t>(counter), cast<std::uint32_t>(counter >> 32), zero, zero,
                    cast<std::uint32_t>(key), cast<std::uint32_t>(key >> 32));
}

/// Element i of a u32 result.
template <class L>
With<L, std::uint32_t> random_u32(L i, L key, L offset) {
  const L lane = i & L(std::uint64_t{63});
  const auto b = philox_block(offset + ((i >> 8) << 6) + lane, key);
  const L zero(std::uint64_t{0});
  const Mask<L> odd = ((i >> 6) & L(std::uint64_t{1})) != zero,
                upper = ((i >> 7) & L(std::uint64_t{1})) != zero;
  return select(upper, select(odd, b.word[3], b.word[2]), select(odd, b.word[1], b.word[0]));
}

/// Element i of a u64 result.
template <class L>
L random_u64(L i, L key, L offset) {
  const L lane = i & L(std::uint64_t{63});
  const auto b = philox_block(offset + ((i >> 7) << 6) + lane, key);
  const Mask<L> upper = ((i >> 6) & L(std::uint64_t{1})) != L(std::uint64_t{0});
  const L low = cast<std::uint64_t>(select(upper, b.word[2], b.word[0]));
  const L high = cast<std::uint64_t>(select(upper, b.word[3], b.word[1]));
  return low | (high << 32);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
