#include "runtime/cpu/op_step.h"

#include <gtest/gtest.h>

#include "ir/interpreter.h"
#include "ir/layout.h"
#include "tests/runtime/kernel_case.h"
#include "tests/runtime/random_values.h"

namespace leat::runtime {
namespace {

using ir::Attr;
using ir::Attributes;
using ir::Op;
using ir::Type;
using ir::Value;

class PlainContext final : public StepContext {
 public:
  void Poison(std::size_t, const Status&, std::size_t) override { poisoned = true; }
  bool stopping() const override { return false; }
  bool poisoned = false;
};

using Bytes = std::vector<std::byte>;

/// One op on operands, by the interpreter and by its step in three ranges (the last one first).
void expect_like_interpreter(Op op, std::vector<Type> operands, Attributes attributes,
                             std::vector<Bytes> inputs, std::vector<Type> declared = {}) {
  ir::Graph graph;
  absl::InlinedVector<Value, 3> values;
  for (std::size_t i = 0; i < operands.size(); ++i) {
    values.push_back(graph.AddParameter("p" + std::to_string(i), operands[i]));
  }
  const StatusOr<Value> added = graph.Add(op, values, std::move(attributes), std::move(declared));
  ASSERT_TRUE(added.ok()) << added.status().ToString();
  const ir::Node& node = graph.nodes[added->node];
  std::vector<Bytes> expected, actual;
  for (const Type& type : node.results) {
    expected.emplace_back(static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype) + 8);
    actual.emplace_back(expected.back().size(), std::byte{0xcd});
  }
  std::vector<const void*> in;
  std::vector<void*> out, uses;
  for (Bytes& b : inputs) b.resize(b.size() + 8), in.push_back(b.data()), uses.push_back(b.data());
  for (Bytes& b : expected) out.push_back(b.data());
  for (Bytes& b : actual) uses.push_back(b.data());
  const Status want = ir::interpret_op(node, operands, in, out);

  const cpu::OpStep step = cpu::make_op_step(node, operands);
  ASSERT_NE(step.body, nullptr);
  EXPECT_GE(step.units, 1);
  EXPECT_GE(step.grain, 1);
  EXPECT_LE(step.grain, step.units);
  for (std::size_t i = 0; i < inputs.size(); ++i) {  // what may lie anywhere does
    if (!step.body->ReadsUnaligned(i)) continue;
    Bytes& b = inputs[i];
    std::memmove(b.data() + 1, b.data(), b.size() - 1);
    uses[i] = b.data() + 1;
  }
  PlainContext context;
  context.pointers = uses.data();
  const std::int64_t a = step.units / 3, b = a + (step.units - a) / 2;
  Status have;
  const std::pair<std::int64_t, std::int64_t> ranges[] = {{b, step.units}, {0, a}, {a, b}};
  for (const auto& [begin, end] : ranges) {
    if (begin == end) continue;
    const Status status = step.body->Execute(context, begin, end);
    if (!status.ok()) have = status;
  }
  std::string what(name(op));
  for (const Type& t : operands) what += " " + graph.ToString(t);
  EXPECT_EQ(have.ToString(), want.ToString()) << what;
  if (!want.ok()) return;
  for (std::size_t r = 0; r < expected.size(); ++r) {
    const Type& type = node.results[r];
    EXPECT_EQ(first_difference(type.dtype, expected[r].data(), actual[r].data(), type.shape.num_elements()),
              -1)
        << what << " result " << r << " " << graph.ToString(type);
  }
}

constexpr DType kAllTypes[] = {DType::bool_, DType::i8,  DType::i16, DType::i32, DType::i64,
                               DType::u8,    DType::u16, DType::u32, DType::u64, DType::f16,
                               DType::bf16,  DType::f32, DType::f64};

class OpSteps : public ::testing::Test {
 protected:
  std::int64_t Pick(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }
  Shape PickShape(int least_rank, int most_rank, std::int64_t most_extent) {
    Shape shape;
    const int rank = least_rank + static_cast<int>(Pick(most_rank - least_rank + 1));
    for (int d = 0; d < rank; ++d) shape.push_back(Pick(8) == 0 ? 1 : 1 + Pick(most_extent));
    if (Pick(40) == 0) shape[0] = 0;
    return shape;
  }
  DType PickType(std::initializer_list<DType> types) {
    return types.begin()[Pick(static_cast<std::int64_t>(types.size()))];
  }
  DType AnyType() { return kAllTypes[Pick(std::size(kAllTypes))]; }
  Bytes Draw(const Type& type, bool specials = false) {
    return draw_array(type.dtype, type.shape.num_elements(), ir::Domain::all, specials, random_);
  }
  /// Indices in [0, extent), or one of them outside.
  Bytes DrawIndices(const Type& type, std::int64_t extent, bool wrong) {
    Bytes bytes(static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype));
    const std::int64_t n = type.shape.num_elements();
    visit_dtype(type.dtype, [&]<class I>(I) {
      if constexpr (std::is_integral_v<I>) {
        I* to = reinterpret_cast<I*>(bytes.data());
        for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<I>(extent > 0 ? Pick(extent) : 0);
        if (wrong && n > 0) to[Pick(n)] = static_cast<I>(Pick(2) != 0 ? extent : -1);
      }
    });
    return bytes;
  }
  Random random_{2024};
};

TEST_F(OpSteps, Concat) {
  for (int i = 0; i < 120; ++i) {
    Shape shape = PickShape(1, 4, i % 10 == 0 ? 90 : 9);
    const std::int64_t axis = Pick(shape.rank());
    const DType dtype = AnyType();
    std::vector<Type> types;
    std::vector<Bytes> inputs;
    for (std::int64_t k = 0, n = 1 + Pick(4); k < n; ++k) {
      shape[static_cast<std::size_t>(axis)] = Pick(7);
      types.push_back({dtype, shape});
      inputs.push_back(Draw(types.back()));
    }
    expect_like_interpreter(Op::concat, types, {{Attr::axis, axis}}, inputs);
  }
}

TEST_F(OpSteps, Pad) {
  for (int i = 0; i < 120; ++i) {
    const Type x{AnyType(), PickShape(1, 4, 12)};
    const Type value{x.dtype, {}};
    std::vector<std::int64_t> low, high, interior;
    for (int d = 0; d < x.shape.rank(); ++d) {
      const bool plain = Pick(2) == 0;
      low.push_back(plain ? 0 : Pick(5) - 1);
      high.push_back(plain ? 0 : Pick(4));
      interior.push_back(plain ? 0 : Pick(3));
    }
    expect_like_interpreter(Op::pad, {x, value},
                            {{Attr::low, low}, {Attr::high, high}, {Attr::interior, interior}},
                            {Draw(x), Draw(value)});
  }
}

TEST_F(OpSteps, Gather) {
  for (int i = 0; i < 160; ++i) {
    const Type x{AnyType(), PickShape(1, 4, 12)};
    const std::int64_t axis = Pick(x.shape.rank());
    const Type indices{PickType({DType::i64, DType::i32}), PickShape(0 + (i % 2), 3, 9)};
    const std::int64_t extent = x.shape[static_cast<std::size_t>(axis)];
    expect_like_interpreter(Op::gather, {x, indices}, {{Attr::axis, axis}},
                            {Draw(x), DrawIndices(indices, extent, i % 8 == 0)});
  }
}

TEST_F(OpSteps, GatherElements) {
  for (int i = 0; i < 160; ++i) {
    const Type x{AnyType(), PickShape(1, 4, 9)};
    const std::int64_t axis = Pick(x.shape.rank());
    Type indices{PickType({DType::i64, DType::i32}), x.shape};
    indices.shape[static_cast<std::size_t>(axis)] = 1 + Pick(9);
    const std::int64_t extent = x.shape[static_cast<std::size_t>(axis)];
    expect_like_interpreter(Op::gather_elements, {x, indices}, {{Attr::axis, axis}},
                            {Draw(x), DrawIndices(indices, extent, i % 8 == 0)});
  }
}

TEST_F(OpSteps, WrongIndexIsNamed) {
  const Type x{DType::f32, {4, 5}}, indices{DType::i64, {2, 4}};
  Bytes bytes = DrawIndices(indices, 5, false);
  reinterpret_cast<std::int64_t*>(bytes.data())[6] = 7;
  ir::Graph graph;
  const Value a = graph.AddParameter("x", x), b = graph.AddParameter("i", indices);
  const Value g = *graph.Add(Op::gather, {a, b}, {{Attr::axis, std::int64_t{1}}});
  const cpu::OpStep step = cpu::make_op_step(graph.nodes[g.node], {x, indices});
  Bytes data = Draw(x), out(4 * 2 * 4 * 4);
  void* uses[] = {data.data(), bytes.data(), out.data()};
  PlainContext context;
  context.pointers = uses;
  const Status status = step.body->Execute(context, 0, step.units);
  EXPECT_EQ(status.ToString(),
            "out_of_range: gather: index 7 at [1,2] of the indices is outside axis 1 of f32[4,5] (extent 5)");
}

TEST_F(OpSteps, ArgMaxAndArgMin) {
  for (int i = 0; i < 200; ++i) {
    Type x{AnyType(), PickShape(1, 3, 12)};
    std::int64_t axis = Pick(x.shape.rank());
    if (i % 20 == 0) x.shape = {3, 9000}, axis = 1;
    if (i % 20 == 1) x.shape = {7, 600}, axis = 0;
    if (x.shape.num_elements() == 0) continue;
    expect_like_interpreter(i % 2 == 0 ? Op::arg_max : Op::arg_min, {x}, {{Attr::axis, axis}},
                            {Draw(x, i % 3 != 0)});
  }
}

TEST_F(OpSteps, Cumulative) {
  constexpr Op kOps[] = {Op::cumulative_sum, Op::cumulative_prod, Op::cumulative_max, Op::cumulative_min};
  for (int i = 0; i < 240; ++i) {
    const Op op = kOps[Pick(4)];
    Type x{AnyType(), PickShape(1, 3, 12)};
    if (!ir::accepts(ir::op_info(op).types, x.dtype)) continue;
    if (i % 20 == 1) x.shape = {7, 600};
    Attributes attributes{{Attr::axis, Pick(x.shape.rank())}};
    if (Pick(2) == 0) attributes.Set(Attr::exclusive, true);
    if (Pick(2) == 0) attributes.Set(Attr::backward, true);
    expect_like_interpreter(op, {x}, attributes, {Draw(x, i % 2 == 0)});
  }
}

TEST_F(OpSteps, ReduceWindow) {
  const std::string kinds[] = {"sum", "max", "min"};
  for (int i = 0; i < 300; ++i) {
    Type x{AnyType(), PickShape(1, 4, 9)};
    if (x.dtype == DType::bool_) continue;
    if (i % 3 == 0) x.shape = {1 + Pick(3), 1 + Pick(3), 1 + Pick(17), 1 + Pick(17)};
    std::vector<std::int64_t> window, strides, low, high, dilation;
    for (int d = 0; d < x.shape.rank(); ++d) {
      const bool plain = i % 3 == 0 ? d < 2 : Pick(3) == 0;
      window.push_back(plain ? 1 : 1 + Pick(4));
      strides.push_back(plain ? 1 : 1 + Pick(3));
      low.push_back(plain ? 0 : Pick(4));
      dilation.push_back(plain ? 1 : 1 + Pick(2));
      // Room for one window at least.
      const std::int64_t span = (window.back() - 1) * dilation.back() + 1;
      high.push_back(plain ? 0
                           : Pick(3) + std::max<std::int64_t>(
                                           0, span - x.shape[static_cast<std::size_t>(d)] - low.back()));
    }
    expect_like_interpreter(Op::reduce_window, {x},
                            {{Attr::kind, kinds[Pick(3)]},
                             {Attr::window, window},
                             {Attr::strides, strides},
                             {Attr::low, low},
                             {Attr::high, high},
                             {Attr::dilation, dilation}},
                            {Draw(x, i % 2 == 0)});
  }
}

TEST_F(OpSteps, Sort) {
  for (int i = 0; i < 120; ++i) {
    Type x{AnyType(), PickShape(1, 3, 12)};
    if (i % 10 == 0) x.shape = {5, 700};
    Attributes attributes{{Attr::axis, Pick(x.shape.rank())}};
    if (Pick(2) == 0) attributes.Set(Attr::descending, true);
    std::vector<Type> types = {x};
    std::vector<Bytes> inputs = {Draw(x, true)};
    if (Pick(2) == 0) types.push_back({AnyType(), x.shape}), inputs.push_back(Draw(types.back()));
    expect_like_interpreter(Op::sort, types, attributes, inputs);
  }
}

TEST_F(OpSteps, TopK) {
  for (int i = 0; i < 120; ++i) {
    Type x{AnyType(), PickShape(1, 3, 12)};
    if (i % 10 == 0) x.shape = {5, 700};
    Attributes attributes{{Attr::k, Pick(x.shape.back() + 1)}};
    if (Pick(2) == 0) attributes.Set(Attr::least, true);
    expect_like_interpreter(Op::top_k, {x}, attributes, {Draw(x, true)});
  }
}

TEST_F(OpSteps, Transpose) {
  for (int i = 0; i < 160; ++i) {
    Type x{AnyType(), PickShape(1, 5, 7)};
    if (i % 4 == 0) x.shape = {1 + Pick(70), 1 + Pick(3), 1 + Pick(90)};
    std::vector<std::int64_t> dims(x.shape.size());
    for (std::size_t d = 0; d < dims.size(); ++d) dims[d] = static_cast<std::int64_t>(d);
    std::shuffle(dims.begin(), dims.end(), random_);
    expect_like_interpreter(Op::transpose, {x}, {{Attr::dims, dims}}, {Draw(x)});
  }
}

TEST_F(OpSteps, Reorder) {
  for (int i = 0; i < 200; ++i) {
    const std::int64_t block = std::int64_t{1} << (1 + Pick(4));
    const Type dense{AnyType(), PickShape(2, 5, i % 10 == 0 ? 90 : 20)};
    const int rank = dense.shape.rank();
    const std::string name = Pick(5) == 0 ? ir::Layout::Name(rank, 0, 3) : ir::Layout::Name(rank, 1, block);
    if (dense.shape.num_elements() > 200'000) continue;
    const Type blocked{dense.dtype, ir::Layout::Parse(name)->Blocked(dense.shape)};
    expect_like_interpreter(Op::reorder, {dense}, {{Attr::layout, ir::name_reordering(rank, name, false)}},
                            {Draw(dense)});
    expect_like_interpreter(Op::reorder, {blocked}, {{Attr::layout, ir::name_reordering(rank, name, true)}},
                            {Draw(blocked)}, {dense});
  }
}

TEST_F(OpSteps, Attention) {
  for (int i = 0; i < 60; ++i) {
    const DType dtype = PickType({DType::f32, DType::f64, DType::f16, DType::bf16});
    const std::int64_t batch = 1 + Pick(3), d = 1 + Pick(20), e = 1 + Pick(20);
    const std::int64_t m = i % 6 == 0 ? 150 : 1 + Pick(9), n = i % 6 == 1 ? 5000 : 1 + Pick(90);
    std::vector<Type> types = {{dtype, {batch, m, d}}, {dtype, {batch, n, d}}, {dtype, {batch, n, e}}};
    if (Pick(2) == 0) types.push_back({dtype, {batch, m, n}});
    std::vector<Bytes> inputs;
    for (const Type& t : types)
      inputs.push_back(draw_array(t.dtype, t.shape.num_elements(), ir::Domain::unit, i % 5 == 0, random_));
    Attributes attributes{{Attr::scale, 0.3}};
    if (Pick(2) == 0) attributes.Set(Attr::causal, true);
    expect_like_interpreter(Op::attention, types, attributes, inputs);
  }
}

// What has no code of its own runs through the interpreter on whole buffers.
TEST_F(OpSteps, TheRestIsInterpreted) {
  const Type x{DType::f32, {6, 5}};
  expect_like_interpreter(Op::reverse, {x}, {{Attr::dims, std::vector<std::int64_t>{1}}}, {Draw(x)});
  const Type start{DType::i64, {}};
  expect_like_interpreter(Op::dynamic_slice, {x, start, start},
                          {{Attr::sizes, std::vector<std::int64_t>{2, 3}}},
                          {Draw(x), DrawIndices(start, 9, false), DrawIndices(start, 9, false)});
  const Type indices{DType::i64, {3, 5}};
  expect_like_interpreter(Op::scatter_elements, {x, indices, {DType::f32, {3, 5}}},
                          {{Attr::axis, std::int64_t{0}}, {Attr::kind, std::string("add")}},
                          {Draw(x), DrawIndices(indices, 6, false), Draw({DType::f32, {3, 5}})});
}

TEST_F(OpSteps, ReportTheirSplit) {
  ir::Graph graph;
  const Type x{DType::f32, {1000, 1000}};
  const Value p = graph.AddParameter("x", x);
  const Value sorted = *graph.Add(Op::sort, {p}, {{Attr::axis, std::int64_t{1}}});
  const cpu::OpStep step = cpu::make_op_step(graph.nodes[sorted.node], {x});
  EXPECT_EQ(step.units, 1000);
  EXPECT_EQ(step.body->kind(), "op");
  EXPECT_EQ(step.body->ToString(), "sort");
  EXPECT_GT(step.cost_ns, 1e6);
}

}  // namespace
}  // namespace leat::runtime
