// On a GPU: what cuBLASLt does there, products, their epilogues and convolutions. Of small whole numbers
// every sum is exact, in whatever order the library adds them up.
#include <gmock/gmock.h>

#include <array>

#include "tests/cuda/suite/gpu_suite.h"
#include "tests/cuda/whole_inputs.h"

namespace leat {
namespace {

class GpuLibrary : public GpuSuite {
 protected:
  void SetUp() override {
    GpuSuite::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    options_.exact_contractions = false;
    options_.library_epilogues = true;
    runs_ = 3;
    options_.devices[kGpu].opened = engine_->gpu(kGpu);
    if (const auto lt = engine_->gpu(kGpu)->Contractions(); !lt.ok()) GTEST_SKIP() << lt.status().message();
  }
  std::string Plan(const ir::Graph& graph) {
    return runtime::print(*compiler::compile(graph, options_, *code_).value());
  }
};

// Of small whole numbers every sum is exact, in whatever order the library adds them up.
TEST_F(GpuLibrary, ProductsAreRightAndTheSameAgain) {
  for (const char* dtype : {"f32", "f64", "f16", "bf16"}) {
    for (const auto& [batch, m, k, n] :
         std::vector<std::array<int, 4>>{{1, 64, 96, 32}, {1, 1, 7, 1}, {1, 5, 130, 9}, {3, 17, 40, 24}}) {
      const auto array = [&](int rows, int columns) {
        return std::string(dtype) + "[" + std::to_string(batch) + "," + std::to_string(rows) + "," +
               std::to_string(columns) + "]";
      };
      const std::string product = " {batch_x=[0], batch_y=[0], contract_x=[2], contract_y=[1]}\n";
      const ir::Graph graph =
          on_gpu(ir::parse("%x: " + array(m, k) + "\n%y: " + array(k, n) + "\n%t: " + array(n, k) +
                           "\n%u = transpose %t {dims=[0, 2, 1]}\n%p = dot_general %x %y" + product +
                           "%q = dot_general %x %u" + product + "%z = add %p %q\n")
                     .value());
      const std::vector<ir::Array> inputs = testing::whole_inputs(graph, 1);
      SCOPED_TRACE(ir::print(graph));
      for (int again = 0; again < 2; ++again) ASSERT_EQ(Difference(graph, inputs), "");
      EXPECT_THAT(Plan(graph), ::testing::HasSubstr("cuBLASLt"));
    }
  }
}

// An epilogue that the library does not take is a kernel: which it is the plan says, the values are the same.
TEST_F(GpuLibrary, EpiloguesAreRight) {
  int taken = 0;
  for (const std::string dtype : {"f32", "f64", "f16", "bf16"}) {
    const auto array = [&](const char* shape) { return dtype + shape; };
    const std::string product = "%x: " + array("[40,96]") + "\n%y: " + array("[96,32]") +
                                "\n%b: " + array("[32]") + "\n%r: " + array("[40,32]") +
                                "\n%p = dot_general %x %y {batch_x=[], batch_y=[], contract_x=[1], "
                                "contract_y=[0]}\n%w = broadcast %b {dims=[1]} : " +
                                array("[40,32]") + "\n%zero = constant {value=0} : " + array("[]") +
                                "\n%zeros = broadcast %zero {dims=[]} : " + array("[40,32]") + "\n";
    for (const char* epilogue : {"%z = add %p %w\n", "%z = add %p %r\n", "%z = maximum %p %zeros\n",
                                 "%s = add %p %w\n%z = maximum %s %zeros\n",
                                 "%s = add %p %w\n%t = add %s %r\n%z = maximum %t %zeros\n"}) {
      const ir::Graph graph = on_gpu(ir::parse(product + epilogue).value());
      SCOPED_TRACE(ir::print(graph));
      ASSERT_EQ(Difference(graph, testing::whole_inputs(graph, 1)), "");
      taken += Plan(graph).find(" with ") != std::string::npos;
    }
  }
  EXPECT_GT(taken, 0);
}

TEST_F(GpuLibrary, ConvolutionsAreRight) {
  struct Case {
    Shape x, w;
    std::vector<std::int64_t> strides, low, dilation;
    std::int64_t groups, most_column_bytes;
  };
  constexpr std::int64_t kMany = 1 << 24;
  const Case cases[] = {
      {{3, 16, 14, 14}, {24, 16, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, kMany},
      {{5, 16, 14, 14}, {24, 16, 3, 3}, {1, 1}, {1, 1}, {1, 1}, 1, 2 * 8 * 16 * 9 * 14 * 14},
      {{2, 6, 15, 13}, {10, 6, 5, 3}, {2, 3}, {2, 0}, {1, 1}, 1, kMany},
      {{2, 6, 15, 13}, {10, 3, 3, 3}, {1, 1}, {1, 1}, {2, 1}, 2, kMany},
      {{3, 20, 9, 7}, {12, 20, 1, 1}, {1, 1}, {0, 0}, {1, 1}, 1, kMany},
  };
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    for (const Case& c : cases) {
      ir::Graph convolution("convolution");
      const ir::Value x = convolution.AddParameter("x", {dtype, c.x}),
                      w = convolution.AddParameter("w", {dtype, c.w});
      convolution.outputs = {convolution
                                 .Add(ir::Op::convolution, {x, w},
                                      {{ir::Attr::strides, c.strides},
                                       {ir::Attr::low, c.low},
                                       {ir::Attr::high, c.low},
                                       {ir::Attr::input_dilation, std::vector<std::int64_t>{1, 1}},
                                       {ir::Attr::dilation, c.dilation},
                                       {ir::Attr::groups, c.groups}})
                                 .value()};
      const ir::Graph graph = on_gpu(convolution);
      options_.most_column_bytes = c.most_column_bytes;
      SCOPED_TRACE(ir::print(graph));
      EXPECT_THAT(Plan(graph), ::testing::HasSubstr("convolution: cuBLASLt"));
      for (int again = 0; again < 2; ++again)
        ASSERT_EQ(Difference(graph, testing::whole_inputs(graph, 1)), "");
    }
  }
}

}  // namespace
}  // namespace leat
