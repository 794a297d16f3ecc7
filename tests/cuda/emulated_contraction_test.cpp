// Products, convolutions and attention on the emulated GPU: exact, in every dtype.
#include <set>

#include "tests/cuda/all_of.h"
#include "tests/cuda/emulated_op.h"

namespace leat::emulator {
namespace {

using Integers = std::vector<std::int64_t>;

OpCase dot(DType dtype, Shape x, Shape y, Integers batch_x, Integers batch_y, Integers contract_x,
           Integers contract_y) {
  return OpCase(Op::dot_general, {{dtype, x}, {dtype, y}},
                {{Attr::batch_x, batch_x},
                 {Attr::batch_y, batch_y},
                 {Attr::contract_x, contract_x},
                 {Attr::contract_y, contract_y}});
}

class EmulatedMatmul : public ::testing::TestWithParam<DType> {};

TEST_P(EmulatedMatmul, ShapesAndTransposes) {
  Random random(1);
  for (const bool specials : {false, true}) {
    expect_emulated(dot(GetParam(), {5, 7}, {7, 3}, {}, {}, {1}, {0}).Draw(random, specials));
    expect_emulated(dot(GetParam(), {40, 33}, {33, 70}, {}, {}, {1}, {0}).Draw(random, specials));
    expect_emulated(dot(GetParam(), {17, 40}, {35, 17}, {}, {}, {0}, {1}).Draw(random, specials));
    expect_emulated(dot(GetParam(), {2, 9, 16}, {2, 16, 4}, {0}, {0}, {2}, {1}).Draw(random, specials));
    expect_emulated(dot(GetParam(), {1, 1}, {1, 1}, {}, {}, {1}, {0}).Draw(random, specials));
  }
  expect_emulated(dot(GetParam(), {3, 0}, {0, 4}, {}, {}, {1}, {0}).Draw(random));
  expect_emulated(dot(GetParam(), {6}, {6}, {}, {}, {0}, {0}).Draw(random));
  // Rows of two dimensions that run on.
  expect_emulated(dot(GetParam(), {2, 3, 5}, {5, 4}, {}, {}, {2}, {0}).Draw(random));
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedMatmul, ::testing::ValuesIn(dtypes_of(Op::dot_general)),
                         [](const auto& info) { return std::string(name(info.param)); });

// On a device with few multiprocessors, tiles are large.
TEST(EmulatedMatmul, EveryTile) {
  Random random(2);
  runtime::cuda::GpuDescription gpu = small_gpu();
  for (DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i8}) {
    for (const int multiprocessors : {1, 4, 100}) {
      gpu.multiprocessors = multiprocessors;
      expect_emulated(dot(dtype, {150, 37}, {37, 140}, {}, {}, {1}, {0}).Draw(random), gpu);
      expect_emulated(dot(dtype, {37, 140}, {130, 37}, {}, {}, {0}, {1}).Draw(random), gpu);
    }
  }
}

// A sum that underflows to -0 keeps its sign beyond the end of k.
TEST(EmulatedMatmul, MinusZeroStays) {
  OpCase c = dot(DType::f32, {1, 1}, {1, 1}, {}, {}, {1}, {0});
  const float tiny[] = {1e-30f, -1e-30f};
  c.inputs = {Bytes(4), Bytes(4)};
  std::memcpy(c.inputs[0].data(), &tiny[0], 4);
  std::memcpy(c.inputs[1].data(), &tiny[1], 4);
  expect_emulated(c);
}

TEST(EmulatedMatmul, DimensionsThatDoNotRunOn) {
  Random random(3);
  const OpCase c = dot(DType::f32, {2, 3, 4}, {2, 4}, {}, {}, {0, 2}, {0, 1}).Draw(random);
  const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, small_gpu());
  EXPECT_EQ(plan.status().code(), Code::unimplemented);
}

class EmulatedConvolution : public ::testing::TestWithParam<DType> {};

TEST_P(EmulatedConvolution, StridesPaddingDilationsAndGroups) {
  Random random(4);
  const auto convolve = [&](Shape x, Shape w, Integers strides, Integers low, Integers high, Integers holes,
                            Integers dilation, std::int64_t groups, bool specials) {
    expect_emulated(OpCase(Op::convolution, {{GetParam(), x}, {GetParam(), w}},
                           {{Attr::strides, strides},
                            {Attr::low, low},
                            {Attr::high, high},
                            {Attr::input_dilation, holes},
                            {Attr::dilation, dilation},
                            {Attr::groups, groups}})
                        .Draw(random, specials));
  };
  for (const bool specials : {false, true}) {
    convolve({2, 3, 20}, {4, 3, 5}, {1}, {0}, {0}, {1}, {1}, 1, specials);
    convolve({1, 2, 7, 9}, {3, 2, 3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 1, specials);
    convolve({2, 4, 8, 6}, {6, 2, 3, 2}, {2, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}, 2, specials);
    convolve({1, 2, 4, 5}, {2, 2, 2, 3}, {1, 1}, {1, 2}, {1, 1}, {2, 3}, {1, 1}, 1, specials);
    convolve({1, 1, 3, 4, 5}, {2, 1, 2, 2, 2}, {1, 2, 1}, {0, 1, 0}, {0, 0, 1}, {1, 1, 1}, {1, 1, 2}, 1,
             specials);
  }
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedConvolution, ::testing::ValuesIn(dtypes_of(Op::convolution)),
                         [](const auto& info) { return std::string(name(info.param)); });

class EmulatedAttention : public ::testing::TestWithParam<DType> {};

OpCase attention(DType dtype, Shape q, Shape k, Shape v, bool causal, bool masked) {
  std::vector<Type> types = {{dtype, q}, {dtype, k}, {dtype, v}};
  if (masked) {
    Shape mask = q;
    mask[q.size() - 1] = k[k.size() - 2];
    types.push_back({dtype, mask});
  }
  return OpCase(Op::attention, types, {{Attr::scale, 0.125}, {Attr::causal, causal}});
}

TEST_P(EmulatedAttention, MasksAndShapes) {
  Random random(5);
  const auto attend = [&](Shape q, Shape k, Shape v, bool causal, bool masked, bool specials) {
    expect_emulated(
        attention(GetParam(), q, k, v, causal, masked).Draw(random, specials, ir::Domain::moderate));
  };
  for (const bool specials : {false, true}) {
    for (const bool causal : {false, true}) {
      attend({2, 3, 5, 8}, {2, 3, 7, 8}, {2, 3, 7, 4}, causal, false, specials);
      attend({9, 4}, {70, 4}, {70, 5}, causal, true, specials);
    }
  }
  attend({1, 2}, {1, 2}, {1, 1}, false, false, false);
  attend({2, 2}, {5000, 2}, {5000, 1}, false, false, false);  // two chunks of the sum
  attend({5, 2}, {4200, 2}, {4200, 40}, true, false, false);
  attend({3, 2}, {0, 2}, {0, 4}, false, false, false);  // without keys: NaN
  attend({3, 2}, {0, 2}, {0, 4}, true, true, false);
  attend({3, 0}, {5, 0}, {5, 4}, false, false, false);    // scores of nothing
  attend({70, 3}, {40, 3}, {40, 2}, true, false, false);  // the first queries see no key: NaN
}
INSTANTIATE_TEST_SUITE_P(All, EmulatedAttention, ::testing::ValuesIn(dtypes_of(Op::attention)),
                         [](const auto& info) { return std::string(name(info.param)); });

// On a device with few multiprocessors, tiles are large; wide heads take several steps, wide values several
// tiles of columns.
TEST(EmulatedAttention, EveryTile) {
  Random random(7);
  runtime::cuda::GpuDescription gpu = small_gpu();
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
    std::set<int> queries;
    for (const auto& [multiprocessors, columns] : {std::pair{1, 7}, {3, 60}, {100, 150}}) {
      gpu.multiprocessors = multiprocessors;
      const OpCase c = attention(dtype, {67, 65}, {70, 65}, {70, columns}, columns == 60, columns == 7)
                           .Draw(random, false, ir::Domain::moderate);
      expect_emulated(c, gpu);
      const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, gpu);
      ASSERT_TRUE(plan.ok());
      EXPECT_EQ(plan->launches.size(), 1u);
      EXPECT_EQ(plan->scratch_bytes, 0);
      EXPECT_LE(plan->launches[0].geometry.shared_bytes, gpu.shared_per_block);
      queries.insert(plan->launches[0].kernel.rank);
    }
    EXPECT_EQ(queries, (std::set<int>{16, 32, 64})) << name(dtype);
  }
}

// Without any one of its barriers, a kernel whose threads work together is found out.
TEST(EmulatedOps, EveryBarrierIsNeeded) {
  Random random(6);
  const Attributes axis = {{Attr::axis, std::int64_t{1}}};
  const std::string barrier = "call void @llvm.nvvm.barrier0()";
  for (OpCase& c : std::vector<OpCase>{dot(DType::f32, {40, 70}, {70, 40}, {}, {}, {1}, {0}),
                                       attention(DType::f32, {40, 70}, {140, 70}, {140, 40}, true, false),
                                       OpCase(Op::sort, {{DType::f32, {3000, 9}}}, axis),
                                       OpCase(Op::arg_max, {{DType::f32, {3000, 300}}}, axis),
                                       OpCase(Op::cumulative_sum, {{DType::f32, {3000, 70}}}, axis)}) {
    c.Draw(random, false);
    const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, small_gpu());
    ASSERT_TRUE(plan.ok());
    const runtime::cuda::OpLaunch& launch = plan->launches[0];
    // Blocks take several parts of the work, so that the last barrier of one part matters.
    runtime::cuda::LaunchGeometry geometry = launch.geometry;
    geometry.blocks = 1;
    const std::string text = *compiler::codegen::kernel_gpu_llvm_text(launch.kernel, "sm_90");
    int barriers = 0;
    for (std::size_t at = text.find(barrier); at != std::string::npos; at = text.find(barrier, at + 1)) {
      ++barriers;
      std::string without = text;
      without.erase(at, barrier.size());
      const auto kernel = EmulatedKernel::Load(without);
      ASSERT_TRUE(kernel.ok()) << kernel.status().ToString();
      std::vector<DeviceBytes> uses;
      for (const Bytes& input : c.inputs) {
        uses.emplace_back(input.size());
        std::memcpy(uses.back().data(), input.data(), input.size());
      }
      for (const Type& type : c.node()->results)
        uses.emplace_back(static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype));
      DeviceBytes scratch(static_cast<std::size_t>(plan->scratch_bytes));
      std::uint32_t fault = 0;
      std::vector<void*> addresses;
      std::vector<Region> memory = {{scratch.data(), scratch.size, "scratch"}};
      for (DeviceBytes& use : uses) {
        addresses.push_back(use.data());
        memory.push_back({use.data(), use.size, "a use"});
      }
      const auto words = runtime::cuda::pack_parameters(launch, &fault, addresses, scratch.data());
      EXPECT_NE((*kernel)->Run(geometry, words, memory), "")
          << c.ToString() << ": barrier " << barriers << " of\n"
          << text;
    }
    EXPECT_GE(barriers, 2) << c.ToString();
  }
}

}  // namespace
}  // namespace leat::emulator
