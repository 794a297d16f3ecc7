// The exact engine against plain loops, bit for bit: shapes, strides, batches, dtypes, instruction sets.
#include "runtime/cpu/contraction.h"

#include <gtest/gtest.h>

#include "runtime/cpu/exact_engine.h"
#include "tests/runtime/contraction_reference.h"

namespace leat::runtime::cpu::testing {
namespace {

MatmulDescriptor dense(DType dtype, std::int64_t batch, std::int64_t m, std::int64_t n, std::int64_t k) {
  MatmulDescriptor d;
  d.dtype = dtype;
  d.batch = batch;
  d.m = m;
  d.n = n;
  d.k = k;
  d.x_batch_stride = m * k;
  d.x_m_stride = k;
  d.y_batch_stride = k * n;
  d.y_k_stride = n;
  d.exact = true;
  return d;
}

std::size_t elements(std::int64_t batch, std::int64_t batch_stride, std::int64_t a, std::int64_t a_stride,
                     std::int64_t b, std::int64_t b_stride) {
  if (batch * a * b == 0) return 1;
  return static_cast<std::size_t>((batch - 1) * batch_stride + (a - 1) * a_stride + (b - 1) * b_stride + 1);
}

/// Checks one descriptor on every instruction set, whole and panel by panel.
template <class T>
void check_exact(const MatmulDescriptor& d, std::uint32_t seed) {
  const auto x =
      random_values<T>(elements(d.batch, d.x_batch_stride, d.m, d.x_m_stride, d.k, d.x_k_stride), seed);
  const auto y =
      random_values<T>(elements(d.batch, d.y_batch_stride, d.k, d.y_k_stride, d.n, d.y_n_stride), seed + 1);
  const std::vector<T> expected = reference_matmul<T>(d, x.data(), y.data());
  for (const Isa isa : host_isas()) {
    const ContractionPlan plan = plan_exact_matmul(d, isa);
    SCOPED_TRACE(plan.body->ToString());
    for (const std::int64_t grain : {std::int64_t{1} << 30, std::int64_t{1}, std::int64_t{3}}) {
      std::vector<T> out(expected.size(), T(3));
      ASSERT_TRUE(run_plan(plan, x.data(), y.data(), out.data(), grain).ok());
      ASSERT_TRUE(same_bits(expected, out)) << "grain " << grain;
    }
  }
}

void check_exact(const MatmulDescriptor& d, std::uint32_t seed) {
  visit_dtype(d.dtype, [&]<class T>(T) {
    if constexpr (!std::is_same_v<T, bool>) check_exact<T>(d, seed);
  });
}

const DType kNumeric[] = {DType::i8,  DType::i16, DType::i32, DType::i64,  DType::u8,  DType::u16,
                          DType::u32, DType::u64, DType::f16, DType::bf16, DType::f32, DType::f64};

TEST(ExactMatmul, EveryDTypeAndTileEdge) {
  std::uint32_t seed = 1;
  for (const DType dtype : kNumeric) {
    for (const auto& [m, n, k] : {std::tuple{1, 1, 1},
                                  {1, 37, 19},
                                  {2, 70, 33},
                                  {3, 40, 5},
                                  {7, 1, 45},
                                  {5, 17, 3},
                                  {13, 33, 64},
                                  {29, 31, 130},
                                  {8, 8, 8}}) {
      check_exact(dense(dtype, 1, m, n, k), seed++);
    }
  }
}

TEST(ExactMatmul, BlocksOfEveryLevel) {  // more than one block of m, n and k
  check_exact(dense(DType::f32, 1, 150, 70, 300), 1);
  check_exact(dense(DType::f32, 1, 20, 1100, 60), 2);
  check_exact(dense(DType::f64, 1, 150, 70, 300), 3);
  check_exact(dense(DType::bf16, 1, 150, 70, 300), 4);
  check_exact(dense(DType::f16, 1, 20, 1100, 60), 5);
  check_exact(dense(DType::i8, 1, 30, 40, 600), 6);
  check_exact(dense(DType::f16, 1, 2100, 20, 5), 7);
}

TEST(ExactMatmul, TransposedAndStrided) {
  std::uint32_t seed = 100;
  for (const DType dtype :
       {DType::f32, DType::f64, DType::bf16, DType::f16, DType::i32, DType::u8, DType::i64}) {
    for (const auto& [m, n, k] : {std::tuple{1, 50, 20}, {40, 1, 33}, {21, 35, 70}, {60, 40, 90}}) {
      MatmulDescriptor d = dense(dtype, 1, m, n, k);
      d.x_m_stride = 1;
      d.x_k_stride = m;
      check_exact(d, seed++);
      d.y_k_stride = 1;
      d.y_n_stride = k;
      check_exact(d, seed++);
      d = dense(dtype, 1, m, n, k);
      d.y_k_stride = 1;
      d.y_n_stride = k + 3;
      check_exact(d, seed++);
      d.x_k_stride = 2;
      d.x_m_stride = 2 * k;
      d.y_n_stride = 3;
      d.y_k_stride = 3 * n;
      check_exact(d, seed++);
      d.x_m_stride = 0;  // one row repeated
      check_exact(d, seed++);
    }
  }
}

TEST(ExactMatmul, Batches) {
  check_exact(dense(DType::f32, 5, 7, 9, 11), 1);
  check_exact(dense(DType::f64, 33, 2, 3, 4), 2);
  check_exact(dense(DType::f32, 100, 24, 24, 64), 3);
  MatmulDescriptor d = dense(DType::f32, 6, 30, 50, 20);
  d.y_batch_stride = 0;  // one y for all: one tall matrix
  check_exact(d, 4);
  d.x_batch_stride = 20;  // batches interleaved with rows
  d.x_m_stride = 120;
  check_exact(d, 5);
  d.x_batch_stride = 0;
  d.y_batch_stride = 1000;
  check_exact(d, 6);
  d.y_is_constant = true;
  check_exact(d, 7);
}

TEST(ExactMatmul, ZeroExtents) {
  for (const DType dtype : {DType::f32, DType::f16, DType::i8, DType::f64}) {
    check_exact(dense(dtype, 1, 5, 6, 0), 1);  // zeros
    check_exact(dense(dtype, 1, 0, 6, 4), 2);
    check_exact(dense(dtype, 1, 5, 0, 4), 3);
    check_exact(dense(dtype, 0, 5, 6, 4), 4);
    check_exact(dense(dtype, 3, 1, 1, 0), 5);
  }
}

TEST(ExactMatmul, DeepK) {
  check_exact(dense(DType::f32, 1, 2, 3, 50000), 1);
  check_exact(dense(DType::f64, 1, 30, 3, 3000), 2);
  check_exact(dense(DType::bf16, 1, 3, 2, 20000), 3);
}

TEST(ExactMatmul, NotANumberAndInfinity) {
  MatmulDescriptor d = dense(DType::f32, 1, 30, 40, 50);
  auto x = random_values<float>(1500, 1), y = random_values<float>(2000, 2);
  x[77] = INFINITY;
  x[700] = NAN;
  y[5] = 0;
  y[99] = -INFINITY;
  const auto expected = reference_matmul<float>(d, x.data(), y.data());
  for (const Isa isa : host_isas()) {
    std::vector<float> out(expected.size());
    ASSERT_TRUE(run_plan(plan_exact_matmul(d, isa), x.data(), y.data(), out.data()).ok());
    EXPECT_TRUE(same_bits(expected, out));
  }
}

TEST(ExactMatmul, ConstantIsPackedOnceWhileManyThreadsRun) {
  for (const DType dtype : {DType::f32, DType::bf16, DType::f64}) {
    visit_dtype(dtype, [&]<class T>(T) {
      if constexpr (!std::is_same_v<T, bool>) {
        MatmulDescriptor d = dense(dtype, 1, 96, 130, 300);
        d.y_is_constant = true;
        const auto x = random_values<T>(96 * 300, 1);
        auto y = random_values<T>(300 * 130, 2);
        const auto expected = reference_matmul<T>(d, x.data(), y.data());
        const ContractionPlan plan = plan_exact_matmul(d, host_isa());
        EXPECT_NE(plan.body->ToString().find("packed"), std::string::npos);
        std::vector<std::thread> threads;
        std::vector<std::vector<T>> outs(8, std::vector<T>(96 * 130));
        for (auto& out : outs) {
          threads.emplace_back([&] { ASSERT_TRUE(run_plan(plan, x.data(), y.data(), out.data(), 2).ok()); });
        }
        for (std::thread& t : threads) t.join();
        for (const auto& out : outs) EXPECT_TRUE(same_bits(expected, out));
        // From now on the packed copy is what counts.
        std::fill(y.begin(), y.end(), T(0));
        ASSERT_TRUE(run_plan(plan, x.data(), y.data(), outs[0].data()).ok());
        EXPECT_TRUE(same_bits(expected, outs[0]));
      }
    });
  }
}

TEST(ExactMatmul, FewRowsTimesAConstantOnItsSide) {
  for (const std::int64_t m : {1, 2, 3, 8}) {
    for (const std::int64_t n : {1, 15, 64, 300}) {
      MatmulDescriptor d = dense(DType::f32, 1, m, n, 600);
      d.y_k_stride = 1;
      d.y_n_stride = 600;
      d.y_is_constant = true;
      check_exact(d, static_cast<std::uint32_t>(m * n));
      if (n > 1) {
        EXPECT_NE(plan_exact_matmul(d, host_isa()).body->ToString().find("packed"), std::string::npos);
      }
    }
  }
}

// A large constant that one row reads: in place in the first run, which may be the only one, then from a
// copy.
TEST(ExactMatmul, FewRowsTimesALargeConstantPackItInTheSecondRun) {
  for (const DType dtype : {DType::f32, DType::f64, DType::i32}) {
    MatmulDescriptor d = dense(dtype, 1, 3, 600, 600);
    d.y_is_constant = true;
    check_exact(d, 9);
  }
  MatmulDescriptor d = dense(DType::f32, 1, 1, 600, 500);
  d.y_is_constant = true;
  const auto x = random_values<float>(500, 1);
  const auto y1 = random_values<float>(500 * 600, 2), y2 = random_values<float>(500 * 600, 3),
             y3 = random_values<float>(500 * 600, 4);
  for (const std::int64_t grain : {std::int64_t{1} << 30, std::int64_t{1}}) {
    const ContractionPlan plan = plan_exact_matmul(d, host_isa());
    EXPECT_NE(plan.body->ToString().find(" packed"), std::string::npos);
    EXPECT_GT(plan.units, 1);
    // Where the constant stands shows what was read.
    const auto run = [&](const std::vector<float>& y) {
      std::vector<float> out(600);
      EXPECT_TRUE(run_plan(plan, x.data(), y.data(), out.data(), grain).ok());
      return out;
    };
    const auto value = [&](const std::vector<float>& y) {
      return reference_matmul<float>(d, x.data(), y.data());
    };
    EXPECT_TRUE(same_bits(run(y1), value(y1)));
    EXPECT_TRUE(same_bits(run(y2), value(y2)));
    EXPECT_TRUE(same_bits(run(y3), value(y2)));
  }
  const auto packs = [](const MatmulDescriptor& m) {
    return plan_exact_matmul(m, host_isa()).body->ToString().find(" packed") != std::string::npos;
  };
  d.n = 500;  // 1,000,000 bytes stay in the second-level cache
  d.y_k_stride = 500;
  EXPECT_FALSE(packs(d));
  MatmulDescriptor half = dense(DType::f16, 1, 1, 2000, 2000);  // its copy would have twice its bytes
  half.y_is_constant = true;
  EXPECT_FALSE(packs(half));
}

// What is packed, and what is widened, may lie as it does in a file.
TEST(ExactMatmul, AConstantAtAnOddAddress) {
  int reading = 0;
  const auto check = [&]<class T>(MatmulDescriptor d, T) {
    d.y_is_constant = true;
    const auto x = random_values<T>(static_cast<std::size_t>(d.batch * d.m * d.k), 1);
    const auto y = random_values<T>(
        elements(d.y_batch_stride == 0 ? 1 : d.batch, d.y_batch_stride, d.k, d.y_k_stride, d.n, d.y_n_stride),
        2);
    const std::vector<T> expected = reference_matmul<T>(d, x.data(), y.data());
    UnalignedCopy<T> odd(y);
    for (const Isa isa : host_isas()) {
      const ContractionPlan plan = plan_exact_matmul(d, isa);
      SCOPED_TRACE(plan.body->ToString());
      EXPECT_FALSE(plan.body->ReadsUnaligned(0));
      if (!plan.body->ReadsUnaligned(1)) continue;
      ++reading;
      for (int run = 0; run < 3; ++run) {
        std::vector<T> out(expected.size(), T(3));
        ASSERT_TRUE(run_plan(plan, x.data(), odd.data(), out.data(), 1, 4).ok());
        ASSERT_TRUE(same_bits(expected, out)) << "run " << run;
      }
    }
  };
  for (const DType dtype : kNumeric) {
    visit_dtype(dtype, [&]<class T>(T zero) {
      if constexpr (!std::is_same_v<T, bool>) {
        check(dense(dtype, 1, 33, 70, 130), zero);
        check(dense(dtype, 3, 17, 35, 70), zero);
        check(dense(dtype, 1, 2, 640, 900), zero);  // packed by itself in the second run, on its own side
        MatmulDescriptor on_its_side = dense(dtype, 1, 3, 130, 70);
        on_its_side.y_k_stride = 1;
        on_its_side.y_n_stride = 70;
        check(on_its_side, zero);
      }
    });
  }
  EXPECT_GE(reading, 12 * 3 * static_cast<int>(host_isas().size()));
  MatmulDescriptor small = dense(DType::f32, 1, 2, 64, 64);  // read in place, in every run
  small.y_is_constant = true;
  EXPECT_FALSE(plan_exact_matmul(small, host_isa()).body->ReadsUnaligned(1));
}

TEST(ExactMatmul, ReadingYDecidesThePanelsOfFewRows) {
  // 768 x 768 are 2.4 MB: 200 us from memory, which two threads had better share.
  EXPECT_GE(plan_exact_matmul(dense(DType::f32, 1, 1, 768, 768), host_isa()).units, 4);
  EXPECT_GE(plan_exact_matmul(dense(DType::f32, 96, 1, 64, 129), host_isa()).units, 4);
  EXPECT_EQ(plan_exact_matmul(dense(DType::f32, 1, 1, 64, 64), host_isa()).units, 1);
}

TEST(ExactMatmul, RowsPerUnitCoverTheResult) {
  const ContractionPlan plan = plan_exact_matmul(dense(DType::f32, 1, 1000, 1000, 1000), host_isa());
  EXPECT_EQ(plan.engine, "micro_kernel");
  EXPECT_EQ(plan.body->kind(), "matmul");
  ASSERT_GT(plan.rows_per_unit, 0);
  EXPECT_GE(plan.units, 16);
  EXPECT_GE(plan.units * plan.rows_per_unit, 1000);
  EXPECT_LT((plan.units - 1) * plan.rows_per_unit, 1000);
  const ContractionPlan wide = plan_exact_matmul(dense(DType::f32, 1, 8, 4096, 4096), host_isa());
  EXPECT_EQ(wide.rows_per_unit, 0);
  EXPECT_GE(wide.units, 16);
}

TEST(ExactMatmul, AStepBeforePacksASharedY) {
  const MatmulDescriptor d = dense(DType::f32, 1, 1000, 1000, 1000);
  const ContractionPlan plan = plan_exact_matmul(d, host_isa());
  ASSERT_NE(plan.pack, nullptr);
  EXPECT_EQ(plan.pack->kind(), "pack");
  EXPECT_EQ(plan.pack->ToString().substr(0, 22), "pack f32 k=1000 n=1000");
  EXPECT_NE(plan.body->ToString().find(" shared"), std::string::npos);
  EXPECT_GE(plan.packed_bytes, 4000 * 1000);
  EXPECT_EQ(plan.pack_units, 32);
  EXPECT_EQ(plan.pack_operand, 1u);
  MatmulDescriptor constant = d;
  constant.y_is_constant = true;  // the plan keeps its own; x may be packed for panels of columns
  const ContractionPlan of_constant = plan_exact_matmul(constant, host_isa());
  EXPECT_TRUE(of_constant.pack == nullptr || of_constant.pack_operand == 0);
  EXPECT_EQ(plan_exact_matmul(dense(DType::f32, 1, 16, 1000, 1000), host_isa()).pack, nullptr);
  EXPECT_EQ(plan_exact_matmul(dense(DType::f32, 2, 1000, 1000, 1000), host_isa()).pack, nullptr);
  EXPECT_EQ(plan_exact_matmul(dense(DType::f32, 1, 1000, 1000, 0), host_isa()).pack, nullptr);
}

TEST(ExactMatmul, ASharedYGivesTheSameBits) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i8}) {
    visit_dtype(dtype, [&]<class T>(T) {
      if constexpr (!std::is_same_v<T, bool>) {
        for (const bool transposed : {false, true}) {
          MatmulDescriptor d = dense(dtype, 1, 203, 197, 301);
          if (transposed)
            std::tie(d.y_k_stride, d.y_n_stride) = std::pair<std::int64_t, std::int64_t>(1, 301);
          const auto x = random_values<T>(203 * 301, 1), y = random_values<T>(301 * 197, 2);
          const auto expected = reference_matmul<T>(d, x.data(), y.data());
          for (const Isa isa : {Isa::baseline, host_isa()}) {
            const ContractionPlan plan = plan_exact_matmul(d, isa);
            ASSERT_NE(plan.pack, nullptr) << name(dtype);
            std::vector<T> out(expected.size());
            ASSERT_TRUE(run_plan(plan, x.data(), y.data(), out.data(), 3, 2).ok());
            EXPECT_TRUE(same_bits(expected, out)) << name(dtype) << (transposed ? " transposed" : "");
          }
        }
      }
    });
  }
}

// Panels of columns would each pack all of x.
TEST(ExactMatmul, AStepBeforePacksASharedX) {
  MatmulDescriptor d = dense(DType::f32, 1, 128, 768, 768);
  d.y_is_constant = true;
  const ContractionPlan plan = plan_exact_matmul(d, host_isa());
  ASSERT_NE(plan.pack, nullptr);
  EXPECT_EQ(plan.pack_operand, 0u);
  EXPECT_EQ(plan.pack->ToString().substr(0, 21), "pack f32 m=128 k=768 ");
  EXPECT_NE(plan.body->ToString().find(" packed shared x"), std::string::npos);
  EXPECT_GE(plan.packed_bytes, 4 * 128 * 768);
  EXPECT_EQ(plan.rows_per_unit, 0);
  d.m = 8;  // few rows are read in place
  EXPECT_EQ(plan_exact_matmul(d, host_isa()).pack, nullptr);
}

TEST(ExactMatmul, ASharedXGivesTheSameBits) {
  for (const DType dtype : {DType::f32, DType::f64, DType::bf16, DType::i8}) {
    visit_dtype(dtype, [&]<class T>(T) {
      if constexpr (!std::is_same_v<T, bool>) {
        for (const bool transposed : {false, true}) {
          MatmulDescriptor d = transposed ? dense(dtype, 1, 30, 197, 1101) : dense(dtype, 2, 15, 197, 1101);
          d.y_batch_stride = 0;
          d.y_is_constant = true;
          if (transposed) std::tie(d.x_k_stride, d.x_m_stride) = std::pair<std::int64_t, std::int64_t>(30, 1);
          const auto x = random_values<T>(30 * 1101, 1), y = random_values<T>(1101 * 197, 2);
          const auto expected = reference_matmul<T>(d, x.data(), y.data());
          for (const Isa isa : {Isa::baseline, host_isa()}) {
            const ContractionPlan plan = plan_exact_matmul(d, isa);
            ASSERT_NE(plan.pack, nullptr) << name(dtype);
            ASSERT_EQ(plan.pack_operand, 0u) << name(dtype);
            std::vector<T> out(expected.size());
            ASSERT_TRUE(run_plan(plan, x.data(), y.data(), out.data(), 3, 2).ok());
            EXPECT_TRUE(same_bits(expected, out)) << name(dtype) << (transposed ? " transposed" : "");
          }
        }
      }
    });
  }
}

TEST(ExactMatmul, StopsWhenTheRunStops) {
  const ContractionPlan plan = plan_exact_matmul(dense(DType::f32, 1, 4, 4, 4), host_isa());
  float x[16] = {}, out[16] = {};
  TestContext context(x, x, out);
  context.stop = true;
  EXPECT_EQ(plan.body->Execute(context, 0, plan.units).code(), Code::cancelled);
}

TEST(PlanMatmul, RefusesWhatItCannotMean) {
  EXPECT_EQ(plan_matmul(dense(DType::bool_, 1, 2, 2, 2)).status().message(),
            "matmul of bool: it needs a numeric dtype");
  EXPECT_EQ(plan_matmul(dense(DType::f32, 1, -2, 2, 2)).status().message(),
            "matmul with a negative extent: batch 1, m -2, n 2, k 2");
  const std::int64_t huge = std::int64_t{1} << 40;
  EXPECT_EQ(plan_matmul(dense(DType::f32, 1, huge, huge, 2)).status().code(), Code::invalid_argument);
}

}  // namespace
}  // namespace leat::runtime::cpu::testing
