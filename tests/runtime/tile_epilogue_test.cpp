// Convolutions that finish their sums in registers: the bits of the ops done one by one on the stored result,
// at every shape of tile, with NaN, infinities and zeros of both signs.
#include "runtime/cpu/tile_epilogue.h"

#include <gtest/gtest.h>

#include <limits>

#include "ir/extents.h"
#include "ir/meaning/elementwise.h"
#include "runtime/cpu/blocked_kernel.h"
#include "runtime/cpu/exact_engine.h"
#include "tests/runtime/blocked_arrays.h"
#include "tests/runtime/contraction_reference.h"

namespace leat::runtime::cpu::testing {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

struct Case {
  std::int64_t batch, channels, features, groups;
  Extents input;
  std::int64_t kernel, stride = 1;
  bool x_blocked = true;
};

ConvolutionDescriptor describe(const Case& c, std::int64_t block) {
  const std::size_t rank = c.input.size();
  const auto all = [&](std::int64_t extent) { return Extents(rank, extent); };
  const ConvolutionCase of_eights{c.batch,           c.channels,    c.features,    c.groups,
                                  c.input,           all(c.kernel), all(c.stride), all(c.kernel / 2),
                                  all(c.kernel / 2), all(1),        c.x_blocked};
  ConvolutionDescriptor d = describe_convolution(in_blocks_of(block, of_eights));
  d.x_block = c.x_blocked ? block : 0;
  d.out_block = block;
  return d;
}

class FinishContext final : public StepContext {
 public:
  explicit FinishContext(std::vector<const void*> uses) : uses_(std::move(uses)) {
    pointers = const_cast<void* const*>(uses_.data());
  }
  void Poison(std::size_t, const Status&, std::size_t) override {}
  bool stopping() const override { return false; }

 private:
  std::vector<const void*> uses_;
};

// Numbers of each channel, `step` elements from block to block, with NaN between them.
std::vector<float> spread(const std::vector<float>& channels, std::int64_t block, std::int64_t step) {
  std::vector<float> wide(channels.size() / static_cast<std::size_t>(block) * static_cast<std::size_t>(step),
                          kNaN);
  for (std::size_t i = 0; i < channels.size(); ++i) {
    const std::size_t lanes = static_cast<std::size_t>(block);
    wide[i / lanes * static_cast<std::size_t>(step) + i % lanes] = channels[i];
  }
  return wide;
}

// The sums, numbers and elements take turns at being zeros of both signs, infinite and NaN if `special`.
void check(Isa isa, const Case& c, TileEpilogue epilogue, bool special) {
  const BlockedKernel* const kernel = blocked_kernel(isa);
  const ConvolutionDescriptor d = describe(c, kernel->lanes);
  const Shape out_shape = shape_of(d.batch, d.out_channels, d.output);
  const auto elements = static_cast<std::size_t>(out_shape.num_elements());
  const Shape x_shape = shape_of(d.batch, d.channels, d.input);
  auto x = random_values<float>(static_cast<std::size_t>(x_shape.num_elements()), 1);
  auto w = random_values<float>(
      static_cast<std::size_t>(d.out_channels * (d.channels / d.groups) * ir::product(d.kernel)), 2);
  auto channel = random_values<float>(static_cast<std::size_t>(d.out_channels), 3);
  auto array_channel = random_values<float>(static_cast<std::size_t>(d.out_channels), 4);
  auto array = random_values<float>(elements, 5);
  if (special) {
    // Products that round to -0; and a sum of those is -0 once the first is there.
    std::fill(x.begin(), x.end(), std::numeric_limits<float>::denorm_min());
    std::fill(w.begin(), w.end(), -std::numeric_limits<float>::denorm_min());
    const float numbers[] = {-0.0f, 0.0f, kNaN, -kInfinity, kInfinity, 1, -1};
    for (std::size_t i = 0; i < channel.size(); ++i) channel[i] = i % 3 == 2 ? numbers[i % 7] : -0.0f;
    for (std::size_t i = 0; i < array.size(); ++i) array[i] = i % 2 == 1 ? numbers[i % 7] : -0.0f;
    for (std::size_t i = 0; i < array_channel.size(); ++i) array_channel[i] = numbers[i % 7];
  }
  const std::int64_t step = 3 * kernel->lanes;
  if (epilogue.channel) epilogue.channel->block_step = step;
  if (epilogue.array_channel) epilogue.array_channel->block_step = kernel->lanes;

  ConvolutionDescriptor dense = d;
  dense.x_block = dense.out_block = 0;
  std::vector<float> expected(elements);
  ASSERT_TRUE(run_plan(plan_exact_convolution(dense, isa), x.data(), w.data(), expected.data()).ok());
  for (std::size_t i = 0; i < elements; ++i) {
    const std::size_t of_channel =
        i / static_cast<std::size_t>(ir::product(d.output)) % static_cast<std::size_t>(d.out_channels);
    float& v = expected[i];
    if (epilogue.channel) v = v + channel[of_channel];
    if (epilogue.array) v = v + (epilogue.array_channel ? array[i] + array_channel[of_channel] : array[i]);
    if (epilogue.low) v = meaning::maximum(v, *epilogue.low);
    if (epilogue.high) v = meaning::minimum(v, *epilogue.high);
  }
  expected = packed(expected, out_shape, d.out_block);
  x = packed(x, x_shape, d.x_block);
  array = packed(array, out_shape, d.out_block);
  channel = spread(channel, kernel->lanes, step);

  const auto plan = plan_blocked_convolution(d, isa);
  ASSERT_TRUE(plan.has_value());
  const auto body = static_cast<const TiledConvolution&>(*plan->body).With(epilogue);
  SCOPED_TRACE(body->ToString());
  std::vector<float> got(elements, 3);
  std::vector<const void*> uses = {x.data(), w.data(), got.data()};
  if (epilogue.channel) uses.push_back(channel.data());
  if (epilogue.array) uses.push_back(array.data());
  if (epilogue.array_channel) uses.push_back(array_channel.data());
  FinishContext context(uses);
  for (std::int64_t u = plan->units; u-- > 0;) ASSERT_TRUE(body->Execute(context, u, u + 1).ok());
  EXPECT_TRUE(same_bits(expected, got));
}

void check(const Case& c, const TileEpilogue& epilogue, bool special = false) {
  if (isas_of_tiles().empty()) GTEST_SKIP() << "tiles need AVX2";
  for (const Isa isa : isas_of_tiles()) check(isa, c, epilogue, special);
}

// Every combination of parts, and of bounds that a zero belongs to.
std::vector<TileEpilogue> every_epilogue() {
  std::vector<TileEpilogue> all;
  for (const int parts : {0, 1, 2, 3, 6, 7}) {
    for (const std::optional<float> low : {std::optional<float>(), std::optional<float>(0.0f),
                                           std::optional<float>(-0.0f), std::optional<float>(-0.5f)}) {
      for (const std::optional<float> high :
           {std::optional<float>(), std::optional<float>(0.0f), std::optional<float>(6.0f)}) {
        TileEpilogue e;
        if (parts & 1) e.channel = TileEpilogue::Channels{};
        e.array = (parts & 2) != 0;
        if (parts & 4) e.array_channel = TileEpilogue::Channels{};
        e.low = low;
        e.high = high;
        all.push_back(e);
      }
    }
  }
  return all;
}

TEST(TileEpilogue, EveryCombinationOfItsParts) {
  for (const TileEpilogue& e : every_epilogue()) {
    for (const bool special : {false, true}) {
      check({2, 8, 40, 1, {5, 6}, 1}, e, special);
      check({1, 16, 16, 16, {5, 6}, 3}, e, special);
    }
  }
}

TEST(TileEpilogue, EveryShapeOfATile) {
  TileEpilogue all;
  all.channel = TileEpilogue::Channels{};
  all.array = true;
  all.array_channel = TileEpilogue::Channels{};
  all.low = 0.0f;
  all.high = 1.0f;
  TileEpilogue bounds;
  bounds.channel = TileEpilogue::Channels{};
  bounds.low = 0.0f;
  for (const TileEpilogue& e : {all, bounds}) {
    for (std::int64_t width = 1; width <= 19; ++width) {
      check({1, 8, 56, 1, {1, width}, 1}, e);
      check({2, 8, 24, 1, {3, width}, 3}, e);
      check({1, 24, 24, 24, {3, width}, 3}, e);
    }
    check({1, 320, 64, 1, {7, 7}, 1}, e);  // sums over several chunks of channels
    check({1, 64, 96, 1, {28, 28}, 3, 2}, e);
    check({3, 48, 48, 48, {29, 30}, 5, 2}, e);
    check({2, 3, 32, 1, {33, 31}, 3, 2, false}, e);
    check({2, 16, 32, 1, {30}, 5}, e);
  }
}

TEST(TileEpilogue, IsPrinted) {
  TileEpilogue e;
  EXPECT_EQ(e.ToString(), "");
  e.channel = TileEpilogue::Channels{};
  e.array = true;
  e.low = 0.0f;
  EXPECT_EQ(e.ToString(), "+channel +array max 0");
  e.channel.reset();
  e.array_channel = TileEpilogue::Channels{};
  e.low.reset();
  e.high = 6.0f;
  EXPECT_EQ(e.ToString(), "+(array+channel) min 6");
}

}  // namespace
}  // namespace leat::runtime::cpu::testing
