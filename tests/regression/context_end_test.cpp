// Ends of Contexts that went wrong.
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

// The engine was taken away from under the planning thread, which crashed.
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

// A thread remembers the Context that it used last. It forgets it in favour of the next one while it holds
// that one's graph lock, which every 64th Context shares: it waited for itself.
TEST(ContextEnd, IsForgottenUnderTheLockOfAnother) {
  const auto use = [] {
    Context context({.workers = 1});
    const Context::Scope scope(context);
    EXPECT_EQ((full({3}, 1.0f) + 1.0f).to_vector<float>()[2], 2.0f);
  };
  use();
  for (int i = 1; i < 64; ++i) Context context({.workers = 1});
  use();
}

}  // namespace
}  // namespace leat
