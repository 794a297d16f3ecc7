// random_bits: element i is a word of a Philox 4x32-10 block, as ir/meaning/philox.h lays them out. A
// block serves elements 64 apart, so this walks blocks and stores all their words.
#include <algorithm>

#include "ir/interpret_families.h"
#include "ir/meaning/philox.h"

namespace leat::ir {
namespace {

constexpr std::int64_t kLanes = 64;

void store_words(const meaning::PhiloxBlock<std::uint32_t>& block, std::int64_t first, std::int64_t count,
                 std::uint32_t* to) {
  for (std::int64_t w = 0; w < 4; ++w) {
    if (first + w * kLanes < count) to[first + w * kLanes] = block.word[w];
  }
}

void store_words(const meaning::PhiloxBlock<std::uint32_t>& block, std::int64_t first, std::int64_t count,
                 std::uint64_t* to) {
  for (std::int64_t h = 0; h < 2; ++h) {
    if (first + h * kLanes >= count) continue;
    to[first + h * kLanes] = block.word[2 * h] | std::uint64_t{block.word[2 * h + 1]} << 32;
  }
}

template <class T>
void fill_random(const OpCall& call) {
  const std::uint64_t key = call.in<std::uint64_t>(0)[0], offset = call.in<std::uint64_t>(0)[1];
  const std::int64_t count = call.result_shape().num_elements();
  constexpr std::int64_t kGroup =
      kLanes * 16 / static_cast<std::int64_t>(sizeof(T));  // elements of 64 blocks
  for (std::int64_t begin = 0; begin < count; begin += kGroup) {
    for (std::int64_t lane = 0; lane < std::min(kLanes, count - begin); ++lane) {
      const auto counter = offset + static_cast<std::uint64_t>(begin / kGroup * kLanes + lane);
      store_words(meaning::philox_block(counter, key), begin + lane, count, call.out<T>(0));
    }
  }
}

}  // namespace

Status interpret_random_bits(const OpCall& call) {
  switch (call.node.type().dtype) {
    case DType::u32: fill_random<std::uint32_t>(call); return {};
    case DType::u64: fill_random<std::uint64_t>(call); return {};
    default: return Status(Code::invalid_argument, "random_bits gives u32 or u64");
  }
}

}  // namespace leat::ir
