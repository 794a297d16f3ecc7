// The fusion groups took a slice for a stride of the matmul that reads it and left its input unmaterialised;
// the lowering, which cannot start inside a buffer, then asked for the slice and found no buffer.
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

TEST(MatmulOfSlice, OfAFusedValueThatStartsLater) {
  const Tensor x = reshape(arange(24, DType::f32), {4, 6}) * 2.0f;
  const Tensor rows = slice(x, {{1, 3}, {2, 5}});  // [[16 18 20] [28 30 32]]
  const Tensor product = matmul(rows, full({3, 1}, 1.0f));
  EXPECT_EQ(product.to_vector<float>(), (std::vector<float>{54, 90}));
}

}  // namespace
}  // namespace leat
