#include "compiler/passes/index_map.h"

#include <gtest/gtest.h>

#include <numeric>
#include <random>

#include "ir/interpreter.h"

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Op;
using Dims = std::vector<std::int64_t>;

class Views {
 public:
  explicit Views(std::uint64_t seed) : random_(seed) {}
  std::int64_t Pick(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }

  StatusOr<ir::Value> Add(ir::Graph& graph, ir::Value x) {
    const ir::Type t = graph.type(x);
    const int rank = t.shape.rank();
    Dims axes(t.shape.size());
    std::iota(axes.begin(), axes.end(), std::int64_t{0});
    switch (Pick(5)) {
      case 0:
        std::shuffle(axes.begin(), axes.end(), random_);
        return graph.Add(Op::transpose, {x}, {{Attr::dims, axes}});
      case 1: {
        if (rank > 0) axes.erase(axes.begin() + Pick(rank));
        return graph.Add(Op::reverse, {x}, {{Attr::dims, axes}});
      }
      case 2: {
        Dims starts, limits, strides;
        for (std::int64_t e : t.shape) {
          starts.push_back(Pick(e));
          limits.push_back(starts.back() + 1 + Pick(e - starts.back()));
          strides.push_back(1 + Pick(3));
        }
        return graph.Add(Op::slice, {x},
                         {{Attr::starts, starts}, {Attr::limits, limits}, {Attr::strides, strides}});
      }
      case 3: {
        Shape s;
        Dims dims;
        for (int d = 0; d < rank; ++d) {
          if (Pick(3) == 0) s.push_back(1 + Pick(3));
          dims.push_back(s.rank());
          s.push_back(t.shape[static_cast<std::size_t>(d)]);
        }
        return graph.Add(Op::broadcast, {x}, {{Attr::dims, dims}}, {{t.dtype, s}});
      }
      default: {
        if (rank < 2) return Status(Code::unimplemented, "");
        Shape s;
        const int at = static_cast<int>(Pick(rank - 1));
        for (int d = 0; d < rank; ++d) {
          const std::int64_t e = t.shape[static_cast<std::size_t>(d)];
          if (d == at + 1) {
            s[s.size() - 1] *= e;
          } else {
            s.push_back(e);
          }
        }
        return graph.Add(Op::reshape, {x}, {}, {{t.dtype, s}});
      }
    }
  }

 private:
  std::mt19937_64 random_;
};

// An operand that holds its own linear indices tells, through the interpreter, what every view reads.
TEST(IndexMap, ChainsOfViewsReadWhatTheInterpreterReads) {
  int affine = 0, all = 0;
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    SCOPED_TRACE(seed);
    Views views(seed);
    Shape shape;
    for (std::int64_t rank = 1 + views.Pick(3); rank > 0; --rank) shape.push_back(1 + views.Pick(5));
    ir::Graph graph;
    ir::Value v = graph.AddParameter("x", {DType::i64, shape});
    for (int length = 1 + static_cast<int>(views.Pick(3)); length > 0; --length) {
      if (const StatusOr<ir::Value> next = views.Add(graph, v); next.ok()) v = *next;
    }
    graph.outputs = {v};
    const Shape result = graph.type(v).shape;
    if (result.num_elements() > 5000) continue;
    std::vector<ir::Array> inputs = {ir::Array::Zeros({DType::i64, shape})};
    std::iota(inputs[0].as<std::int64_t>(), inputs[0].as<std::int64_t>() + shape.num_elements(),
              std::int64_t{0});
    const auto read = ir::interpret(graph, inputs);
    ASSERT_TRUE(read.ok());

    std::optional<IndexMap> map = IndexMap::Identity(result.rank());
    while (map && graph.nodes[v.node].op != Op::parameter) {
      const ir::Node& node = graph.nodes[v.node];
      map = map_operand(node, graph.type(node.inputs[0]).shape, *map, result.dims());
      v = node.inputs[0];
    }
    ++all;
    if (!map) continue;
    ++affine;
    const LinearMap linear = linearize(*map, shape);
    for (std::int64_t i = 0; i < result.num_elements(); ++i) {
      std::int64_t at = linear[0], rest = i;
      for (int d = result.rank() - 1; d >= 0; --d) {
        const auto u = static_cast<std::size_t>(d);
        at += linear[u + 1] * (rest % result[u]);
        rest /= result[u];
      }
      ASSERT_EQ(at, (*read)[0].as<std::int64_t>()[i]) << "element " << i;
    }
  }
  EXPECT_GT(all, 350);
  EXPECT_GT(affine, all / 2);  // the others have a reshape that their domain does not refine
}

TEST(IndexMap, UnflattenRefusesWhatWouldCarry) {
  const std::int64_t domain[] = {6};
  const auto whole = unflatten({0, 1}, {6}, domain);
  ASSERT_TRUE(whole.has_value());
  EXPECT_EQ(whole->coefficient(0, 0), 1);
  EXPECT_FALSE(unflatten({0, 1}, {2, 3}, domain).has_value());  // i / 3 is not affine in i
  const std::int64_t split[] = {2, 3};
  const auto two = unflatten({0, 3, 1}, {2, 3}, split);
  ASSERT_TRUE(two.has_value());
  EXPECT_EQ(*two, IndexMap::Identity(2));
  EXPECT_FALSE(unflatten({0, -1}, {6}, domain).has_value());
  EXPECT_FALSE(unflatten({2, 1}, {6}, domain).has_value());  // the last index is outside
}

TEST(IndexMap, SameIndicesLooksAwayFromExtentsOfOne) {
  const std::int64_t domain[] = {4, 1};
  IndexMap a = IndexMap::Identity(2), b = a;
  b.coefficient(0, 1) = 7;  // the domain does not move there
  EXPECT_TRUE(same_indices(a, b, {4, 1}, domain));
  b.offset(1) = 5;  // nor can the value
  EXPECT_TRUE(same_indices(a, b, {4, 1}, domain));
  b.offset(0) = 1;
  EXPECT_FALSE(same_indices(a, b, {4, 1}, domain));
}

}  // namespace
}  // namespace leat::compiler
