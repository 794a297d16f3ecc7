// A Context that ended while a plan was being made took the engine away from under the planning thread, which
// crashed.
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

TEST(ContextEnd, WhilePlansAreBeingMade) {
  for (int i = 0; i < 200; ++i) {
    Tensor left;
    {
      Context context({.workers = 2});
      const Context::Scope scope(context);
      Tensor x = full({4 + i}, 1.0f);
      for (int k = 0; k < i % 7; ++k) x = x * 2.0f + 1.0f;
      left = x;
      left.eval();
    }
    try {
      EXPECT_EQ(left.shape(), Shape({4 + i}));
      EXPECT_GE(left.to_vector<float>()[0], 1.0f);  // it was done in time
    } catch (const Error& e) {
      EXPECT_EQ(e.status().code(), Code::context_gone) << e.what();
    }
  }
}

}  // namespace
}  // namespace leat
