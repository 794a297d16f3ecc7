// Virtual CPU devices from the expression API: values wander, and are the same.
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

class Devices : public ::testing::Test {
 protected:
  Context context_{{.workers = 2, .cpu_devices = 3}};
  Context::Scope scope_{context_};
};

TEST_F(Devices, AnExpressionCrossesThem) {
  const Tensor x = arange(1000, DType::f32);
  const Tensor a = to_device(x, "cpu:1") * 2, b = to_device(x, "cpu:2") + 1;
  const Tensor y = a + to_device(b, "cpu:1");
  EXPECT_EQ(y.data<float>()[999], 999 * 2 + 1000);
}

TEST_F(Devices, AValueStaysWhereItIsAndIsUsedFromThere) {
  const Tensor x = to_device(arange(100, DType::f32), "cpu:1");
  x.wait();
  const Tensor y = x * 3;
  y.wait();
  const Tensor z = y + to_device(x, "cpu:2") + arange(100, DType::f32);
  EXPECT_EQ(z.data<float>()[99], 99 * 5);
  EXPECT_EQ(x.data<float>()[99], 99);
  EXPECT_EQ((to_device(y, "cpu:0") - 1).data<float>()[1], 2);
}

TEST_F(Devices, SmallWarmProgramsToo) {
  for (int i = 0; i < 20; ++i) {
    const Tensor x = to_device(full({4}, static_cast<float>(i)), i % 2 == 0 ? "cpu:1" : "cpu:2");
    if (i % 3 == 0) x.eval();
    EXPECT_EQ(sum(x + 1).item<float>(), 4 * (static_cast<float>(i) + 1)) << i;
  }
}

TEST_F(Devices, ReadsAndExportsFromADevice) {
  const Tensor x = to_device(tensor({1.0f, 2.0f, 3.0f}), "cpu:2");
  EXPECT_EQ(x.to_vector<float>(), (std::vector<float>{1, 2, 3}));
  EXPECT_EQ(x.to_string(), "f32[3] {1, 2, 3}");
}

TEST_F(Devices, CompiledFunctionsTakeValuesOfAnyDevice) {
  const auto f = compile([](const Tensor& a, const Tensor& b) { return a * b + 1; });
  const Tensor x = to_device(arange(8, DType::f32), "cpu:1").wait(), y = arange(8, DType::f32);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(f(x, y).data<float>()[7], 50);
    EXPECT_EQ(f(y, x).data<float>()[7], 50);
    EXPECT_EQ(f(x, x).data<float>()[7], 50);
    EXPECT_EQ(f(y, y).data<float>()[7], 50);
  }
}

TEST_F(Devices, ThePlacedStageShowsTheCopies) {
  const Tensor x = arange(1000, DType::f32).wait();
  const Tensor y = to_device(x, "cpu:1") * 2;
  const std::string text = context_.Dump(std::span(&y, 1), "placed").value();
  EXPECT_NE(text.find("copy"), std::string::npos) << text;
  EXPECT_NE(text.find("cpu:1"), std::string::npos) << text;
}

TEST(PlacedAutomatically, ExpressionsHaveTheirBits) {
  const auto compute = [](PlacementPolicy placement) {
    Context context({.workers = 2, .cpu_devices = 3, .exact_contractions = true, .placement = placement});
    Context::Scope scope(context);
    Generator random(5);
    const Tensor x = random.normal({200, 200}), w = random.normal({200, 200});
    std::vector<Tensor> branches;
    for (int k = 0; k < 4; ++k) branches.push_back(tanh(matmul(matmul(x, w) * (k + 1), w)));
    const Tensor y = branches[0] + branches[1] * branches[2] - branches[3];
    const std::string placed = context.Dump(std::span(&y, 1), "placed").value();
    const Tensor again = sum(y.wait() * 2, {1});  // of values wherever they were left
    return std::tuple(y.to_vector<float>(), again.to_vector<float>(), placed);
  };
  const auto [y, again, by_operands] = compute(PlacementPolicy::operands);
  const auto [same, same_again, placed] = compute(PlacementPolicy::automatic);
  EXPECT_EQ(y, same);
  EXPECT_EQ(again, same_again);
  EXPECT_EQ(by_operands.find("copy"), std::string::npos) << by_operands;
  EXPECT_NE(placed.find("copy"), std::string::npos) << placed;
}

TEST_F(Devices, AnUnknownOneIsAnErrorAtTheLine) {
  const Tensor x = arange(3, DType::f32);
  try {
    to_device(x, "gpu:7");
    FAIL() << "nothing was thrown";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::invalid_argument);
    const std::string text = e.what();
    EXPECT_NE(text.find("to_device: there is no device \"gpu:7\"; there are cpu:0, cpu:1, cpu:2"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("devices_test.cpp:"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace leat
