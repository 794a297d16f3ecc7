// A broadcast whose dims are out of order is a transpose; the algebraic simplification dropped it where the
// extents are equal, for the shape stays.
#include <gtest/gtest.h>

#include "leat/leat.h"

namespace leat {
namespace {

TEST(BroadcastOutOfOrder, OfASquare) {
  const auto graph = Graph::Parse("%x: f32[2,2]\n%y = broadcast %x {dims=[1, 0]} : f32[2,2]");
  ASSERT_TRUE(graph.ok()) << graph.status().ToString();
  const auto executable = Compile(*graph, {.tier = Tier::tiles});
  ASSERT_TRUE(executable.ok()) << executable.status().ToString();
  const std::vector<float> x = {1, 2, 3, 4};
  std::vector<float> y(4);
  const void* const inputs[] = {x.data()};
  void* const outputs[] = {y.data()};
  ASSERT_TRUE(executable->RunInto(inputs, outputs).ok());
  EXPECT_EQ(y, (std::vector<float>{1, 3, 2, 4}));
}

}  // namespace
}  // namespace leat
