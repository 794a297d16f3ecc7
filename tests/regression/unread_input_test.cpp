// An input that no step reads did not hold its run back: an output that is this input failed where the input
// was still on its way, and an input that nothing needs was looked at after the end of the run.
#include <gtest/gtest.h>

#include <future>

#include "leat/leat.h"

namespace leat {
namespace {

class UnreadInput : public ::testing::Test {
 protected:
  UnreadInput() : scope_(context_) {
    context_.RegisterCustom("gate", [gate = go_.get_future().share()](std::span<const CustomArray>,
                                                                      std::span<const CustomArray> out) {
      gate.wait();
      for (float& x : out[0].as<float>()) x = 5;
      return Status();
    });
    x_ = custom("gate", {zeros({3})}, {DType::f32, {3}});
    x_.eval();
  }
  Context context_{{.workers = 2}};
  Context::Scope scope_;
  std::promise<void> go_;
  Tensor x_;
};

TEST_F(UnreadInput, AnOutputThatIsThePendingInput) {
  const Tensor y = x_ * 1.0f;
  y.eval();
  EXPECT_FALSE(y.wait_for(std::chrono::milliseconds(20)));
  go_.set_value();
  EXPECT_EQ(y.to_vector<float>(), (std::vector<float>{5, 5, 5}));
}

TEST_F(UnreadInput, AnInputThatNothingNeeds) {
  const Tensor nothing = slice(x_, {{0, 0}});
  nothing.eval();
  EXPECT_TRUE(nothing.wait_for(std::chrono::seconds(60)));
  go_.set_value();
  context_.wait_all();
  EXPECT_EQ(nothing.num_elements(), 0);
  EXPECT_EQ(x_.to_vector<float>(), (std::vector<float>{5, 5, 5}));
}

}  // namespace
}  // namespace leat
