// The result types of every op, family by family. The bad inputs are in constraints_test.cpp.
#include "ir/inference.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

#include "ir/graph.h"

namespace leat::ir {
namespace {

using Integers = std::vector<std::int64_t>;

constexpr std::int64_t kN = symbol_dim(0), kM = symbol_dim(1);

std::string show(const StatusOr<Types>& types) {
  if (!types.ok()) return types.status().message();
  std::string s;
  for (const Type& t : *types) {
    if (!s.empty()) s += ' ';
    s += std::string(leat::name(t.dtype)) + t.shape.ToString();
  }
  return s;
}

Type f32(Shape shape) { return {DType::f32, std::move(shape)}; }
Type i64(Shape shape) { return {DType::i64, std::move(shape)}; }

std::string of(Op op, std::vector<Type> operands, Attributes attributes = {},
               std::vector<Type> declared = {}) {
  return show(infer(op, operands, attributes, declared));
}

TEST(Inference, Elementwise) {
  EXPECT_EQ(of(Op::exp, {f32({2, 3})}), "f32[2,3]");
  EXPECT_EQ(of(Op::add, {f32({2, 3}), f32({2, 3})}), "f32[2,3]");
  EXPECT_EQ(of(Op::add, {f32({}), f32({})}), "f32[]");
  EXPECT_EQ(of(Op::less, {f32({0}), f32({0})}), "bool[0]");
  EXPECT_EQ(of(Op::fma, {f32({4}), f32({4}), f32({4})}), "f32[4]");
  EXPECT_EQ(of(Op::is_nan, {f32({4})}), "bool[4]");
  EXPECT_EQ(of(Op::select, {{DType::bool_, {4}}, i64({4}), i64({4})}), "i64[4]");
  EXPECT_EQ(of(Op::convert, {f32({4})}, {{Attr::dtype, DType::bf16}}), "bf16[4]");
  EXPECT_EQ(of(Op::bitcast, {f32({4})}, {{Attr::dtype, DType::u32}}), "u32[4]");
  EXPECT_EQ(of(Op::add, {f32({2, 3}), f32({3, 2})}),
            "add: operands must have one shape, got f32[2,3] and f32[3,2] (dimension 0: 2 against 3) [C3]");
}

TEST(Inference, ElementwiseWithSymbols) {
  EXPECT_EQ(of(Op::add, {f32({kN, 3}), f32({kN, 3})}), "f32[s0,3]");
  EXPECT_EQ(of(Op::add, {f32({kUnknownDim, 3}), f32({kN, 3})}), "f32[s0,3]");
  EXPECT_EQ(of(Op::add, {f32({kN, 3}), f32({kUnknownDim, 3})}), "f32[s0,3]");
  EXPECT_EQ(of(Op::add, {f32({kN}), f32({kM})}),
            "add: operands must have one shape, got f32[s0] and f32[s1] (dimension 0: s0 against s1) [C3]");
  EXPECT_EQ(of(Op::fma, {f32({kUnknownDim}), f32({kN}), f32({5})}),
            "fma: operands must have one shape, got f32[s0] and f32[5] (dimension 0: s0 against 5) [C3]");
}

TEST(Inference, SymbolsHaveTheirNamesInMessages) {
  const Symbol symbols[] = {{"n", -1}, {"m", 64}};
  const Type operands[] = {f32({kN}), f32({kM})};
  EXPECT_EQ(show(infer(Op::add, operands, {}, {}, symbols)),
            "add: operands must have one shape, got f32[n] and f32[m] (dimension 0: n against m) [C3]");
}

TEST(Inference, Sources) {
  EXPECT_EQ(of(Op::parameter, {}, {}, {f32({kN, 2})}), "f32[s0,2]");
  EXPECT_EQ(of(Op::constant, {}, {{Attr::value, make_scalar(1.5f)}}), "f32[]");
  EXPECT_EQ(of(Op::iota, {}, {{Attr::axis, std::int64_t{1}}}, {i64({2, 3})}), "i64[2,3]");
  EXPECT_EQ(of(Op::random_bits, {{DType::u64, {2}}}, {}, {{DType::u32, {5, 7}}}), "u32[5,7]");
}

TEST(Inference, Reshape) {
  EXPECT_EQ(of(Op::reshape, {f32({2, 3})}, {}, {f32({6})}), "f32[6]");
  EXPECT_EQ(of(Op::reshape, {f32({})}, {}, {f32({1, 1})}), "f32[1,1]");
  EXPECT_EQ(of(Op::reshape, {f32({0, 3})}, {}, {f32({7, 0})}), "f32[7,0]");
  EXPECT_EQ(of(Op::reshape, {f32({2, 3})}, {}, {f32({kUnknownDim, 2})}), "f32[3,2]");
  EXPECT_EQ(of(Op::reshape, {f32({kN, 4})}, {}, {f32({2, kN, 2})}), "f32[2,s0,2]");
  EXPECT_EQ(of(Op::reshape, {f32({kN, 4})}, {}, {f32({kN, kUnknownDim})}), "f32[s0,4]");
  EXPECT_EQ(of(Op::reshape, {f32({kN, 4})}, {}, {f32({kUnknownDim})}), "f32[?]");
  EXPECT_EQ(of(Op::reshape, {f32({kN, 4})}, {}, {f32({kN, 5})}),
            "reshape: must keep the dtype and the number of elements, got f32[s0,4] and f32[s0,5] [C21]");
}

TEST(Inference, Views) {
  EXPECT_EQ(of(Op::broadcast, {f32({3})}, {{Attr::dims, Integers{1}}}, {f32({2, 3})}), "f32[2,3]");
  EXPECT_EQ(of(Op::broadcast, {f32({1, 3})}, {{Attr::dims, Integers{0, 1}}}, {f32({2, 3})}), "f32[2,3]");
  EXPECT_EQ(of(Op::broadcast, {f32({})}, {{Attr::dims, Integers{}}}, {f32({kN, 3})}), "f32[s0,3]");
  EXPECT_EQ(of(Op::broadcast, {f32({kN})}, {{Attr::dims, Integers{1}}}, {f32({2, kUnknownDim})}),
            "f32[2,s0]");
  EXPECT_EQ(of(Op::transpose, {f32({2, 3, 4})}, {{Attr::dims, Integers{2, 0, 1}}}), "f32[4,2,3]");
  const auto slice = [](Integers starts, Integers limits, Integers strides) {
    return Attributes{{Attr::starts, starts}, {Attr::limits, limits}, {Attr::strides, strides}};
  };
  EXPECT_EQ(of(Op::slice, {f32({10, 4})}, slice({1, 0}, {10, 4}, {3, 1})), "f32[3,4]");
  EXPECT_EQ(of(Op::slice, {f32({10, 4})}, slice({4, 4}, {4, 4}, {1, 1})), "f32[0,0]");
  EXPECT_EQ(of(Op::slice, {f32({kN, 4})}, slice({0, 1}, {kToTheEnd, 3}, {1, 1})), "f32[s0,2]");
  EXPECT_EQ(of(Op::slice, {f32({kN, 4})}, slice({1, 1}, {kToTheEnd, 3}, {1, 1})), "f32[?,2]");
  EXPECT_EQ(of(Op::slice, {f32({kN, 4})}, slice({1, 1}, {5, 3}, {1, 1})), "f32[4,2]");
  EXPECT_EQ(of(Op::reverse, {f32({2, 3})}, {{Attr::dims, Integers{1, 0}}}), "f32[2,3]");
}

TEST(Inference, Movement) {
  const auto pad = [](Integers low, Integers high, Integers interior) {
    return Attributes{{Attr::low, low}, {Attr::high, high}, {Attr::interior, interior}};
  };
  EXPECT_EQ(of(Op::pad, {f32({3, 4}), f32({})}, pad({1, -1}, {2, 0}, {0, 1})), "f32[6,6]");
  EXPECT_EQ(of(Op::pad, {f32({0}), f32({})}, pad({1}, {2}, {5})), "f32[3]");
  EXPECT_EQ(of(Op::pad, {f32({kN, kN}), f32({})}, pad({0, 1}, {0, 0}, {0, 0})), "f32[s0,?]");
  EXPECT_EQ(of(Op::concat, {f32({2, 3}), f32({5, 3})}, {{Attr::axis, std::int64_t{0}}}), "f32[7,3]");
  EXPECT_EQ(of(Op::concat, {f32({2, kUnknownDim}), f32({kN, 3})}, {{Attr::axis, std::int64_t{0}}}),
            "f32[?,3]");
  EXPECT_EQ(of(Op::concat, {f32({kN, 3})}, {{Attr::axis, std::int64_t{0}}}), "f32[s0,3]");
  const auto reorder = [](std::string layout) { return Attributes{{Attr::layout, std::move(layout)}}; };
  EXPECT_EQ(of(Op::reorder, {f32({2, 20, 7, 9})}, reorder("abcd>aBcd16b")), "f32[2,2,7,9,16]");
  EXPECT_EQ(of(Op::reorder, {f32({kN, 16, 7, 9})}, reorder("abcd>aBcd8b")), "f32[s0,2,7,9,8]");
  EXPECT_EQ(of(Op::reorder, {f32({2, kN})}, reorder("ab>aB4b")), "f32[2,?,4]");
  EXPECT_EQ(of(Op::reorder, {f32({2, 3, 4, 5})}, reorder("abcd>acdb")), "f32[2,4,5,3]");
  EXPECT_EQ(of(Op::reorder, {f32({20, 33})}, reorder("ab>BA8a2b")), "f32[17,3,8,2]");
  EXPECT_EQ(of(Op::reorder, {f32({kN, 2, 7, 9, 8})}, reorder("aBcd8b>abcd")), "f32[s0,16,7,9]");
  EXPECT_EQ(of(Op::reorder, {f32({2, 2, 7, 9, 8})}, reorder("aBcd8b>abcd"), {f32({2, 12, 7, 9})}),
            "f32[2,12,7,9]");
}

TEST(Inference, Indexing) {
  const Attributes axis1{{Attr::axis, std::int64_t{1}}};
  EXPECT_EQ(of(Op::gather, {f32({2, 5, 7}), i64({3, 4})}, axis1), "f32[2,3,4,7]");
  EXPECT_EQ(of(Op::gather, {f32({2, 5, 7}), i64({})}, axis1), "f32[2,7]");
  EXPECT_EQ(of(Op::gather_elements, {f32({2, 5}), i64({2, 9})}, axis1), "f32[2,9]");
  EXPECT_EQ(of(Op::gather_nd, {f32({2, 5, 7}), i64({3, 2})}), "f32[3,7]");
  EXPECT_EQ(of(Op::gather_nd, {f32({2, 5, 7}), i64({2, 4, 1})}, {{Attr::batch_dims, std::int64_t{1}}}),
            "f32[2,4,7]");
  EXPECT_EQ(of(Op::scatter_elements, {f32({2, 5}), i64({1, 9}), f32({1, 9})},
               {{Attr::axis, std::int64_t{1}}, {Attr::kind, std::string("add")}}),
            "f32[2,5]");
  EXPECT_EQ(
      of(Op::scatter_nd, {f32({2, 5, 7}), i64({3, 2}), f32({3, 7})}, {{Attr::kind, std::string("set")}}),
      "f32[2,5,7]");
  EXPECT_EQ(of(Op::dynamic_slice, {f32({2, 5}), i64({}), {DType::i32, {}}}, {{Attr::sizes, Integers{1, 5}}}),
            "f32[1,5]");
  EXPECT_EQ(of(Op::dynamic_update_slice, {f32({2, 5}), f32({2, 1}), i64({}), i64({})}), "f32[2,5]");
}

TEST(Inference, Reductions) {
  EXPECT_EQ(of(Op::reduce_sum, {f32({2, 3, 4})}, {{Attr::dims, Integers{0, 2}}}), "f32[3]");
  EXPECT_EQ(of(Op::reduce_max, {f32({0, 3})}, {{Attr::dims, Integers{0}}}), "f32[3]");
  EXPECT_EQ(of(Op::reduce_sum, {f32({kN, 3})}, {{Attr::dims, Integers{1}}}), "f32[s0]");
  EXPECT_EQ(of(Op::reduce_sum, {f32({2, 3})}, {{Attr::dims, Integers{}}}), "f32[2,3]");
  EXPECT_EQ(of(Op::arg_max, {f32({2, 3})}, {{Attr::axis, std::int64_t{0}}}), "i64[3]");
  EXPECT_EQ(of(Op::cumulative_sum, {f32({2, 3})}, {{Attr::axis, std::int64_t{0}}, {Attr::exclusive, true}}),
            "f32[2,3]");
  EXPECT_EQ(of(Op::reduce_window, {f32({1, 8})},
               {{Attr::kind, std::string("max")},
                {Attr::window, Integers{1, 3}},
                {Attr::strides, Integers{1, 2}},
                {Attr::low, Integers{0, 1}},
                {Attr::high, Integers{0, 1}},
                {Attr::dilation, Integers{1, 1}}}),
            "f32[1,4]");
}

TEST(Inference, Contractions) {
  const auto dot = [](Integers bx, Integers by, Integers cx, Integers cy) {
    return Attributes{
        {Attr::batch_x, bx}, {Attr::batch_y, by}, {Attr::contract_x, cx}, {Attr::contract_y, cy}};
  };
  EXPECT_EQ(of(Op::dot_general, {f32({kN, 128}), f32({128, 64})}, dot({}, {}, {1}, {0})), "f32[s0,64]");
  EXPECT_EQ(of(Op::dot_general, {f32({2, 7, 3}), f32({3, 2, 5})}, dot({0}, {1}, {2}, {0})), "f32[2,7,5]");
  EXPECT_EQ(of(Op::dot_general, {f32({2}), f32({3})}, dot({}, {}, {}, {})), "f32[2,3]");
  const Attributes convolution{{Attr::strides, Integers{2, 2}},  {Attr::low, Integers{1, 1}},
                               {Attr::high, Integers{1, 1}},     {Attr::input_dilation, Integers{1, 1}},
                               {Attr::dilation, Integers{1, 2}}, {Attr::groups, std::int64_t{2}}};
  EXPECT_EQ(of(Op::convolution, {f32({1, 4, 9, 9}), f32({6, 2, 3, 3})}, convolution), "f32[1,6,5,4]");
  EXPECT_EQ(of(Op::convolution, {f32({kN, 4, 9, 9}), f32({6, 2, 3, 3})}, convolution), "f32[s0,6,5,4]");
}

TEST(Inference, Order) {
  EXPECT_EQ(of(Op::sort, {f32({2, 3}), i64({2, 3})}, {{Attr::axis, std::int64_t{1}}}), "f32[2,3] i64[2,3]");
  EXPECT_EQ(of(Op::top_k, {f32({2, 9})}, {{Attr::k, std::int64_t{3}}}), "f32[2,3] i64[2,3]");
}

std::shared_ptr<const Graph> unary_graph(Op op, Type type) {
  auto graph = std::make_shared<Graph>("g");
  const Value x = graph->AddParameter("x", std::move(type));
  graph->outputs = {*graph->Add(op, {x})};
  return graph;
}

TEST(Inference, Control) {
  const auto negate = unary_graph(Op::neg, f32({3})), absolute = unary_graph(Op::abs, f32({3}));
  EXPECT_EQ(of(Op::cond, {{DType::bool_, {}}, f32({3})},
               {{Attr::then_branch, negate}, {Attr::else_branch, absolute}}),
            "f32[3]");
  EXPECT_EQ(of(Op::fused, {f32({3})}, {{Attr::body, negate}}), "f32[3]");
  EXPECT_EQ(of(Op::copy, {f32({3})}, {{Attr::device, std::string("cpu:1")}}), "f32[3]");
  EXPECT_EQ(of(Op::custom_call, {f32({3})}, {{Attr::target, std::string("f")}}, {f32({2}), i64({})}),
            "f32[2] i64[]");
  auto condition = std::make_shared<Graph>("c");
  const Value p = condition->AddParameter("p", {DType::i64, {}});
  condition->outputs = {*condition->Add(Op::less, {p, p})};
  const auto body = unary_graph(Op::neg, i64({}));
  EXPECT_EQ(of(Op::while_loop, {i64({})},
               {{Attr::condition, std::shared_ptr<const Graph>(condition)}, {Attr::body, body}}),
            "i64[]");
}

TEST(Inference, SubgraphSymbolsStandForTheOperandsExtents) {
  auto body = std::make_shared<Graph>("g");
  const Value x = body->AddParameter("x", f32({body->SymbolDim("k"), 3}));
  body->outputs = {*body->Add(Op::neg, {x})};
  const Attributes attributes{{Attr::body, std::shared_ptr<const Graph>(body)}};
  EXPECT_EQ(of(Op::fused, {f32({8, 3})}, attributes), "f32[8,3]");
  EXPECT_EQ(of(Op::fused, {f32({kM, 3})}, attributes), "f32[s1,3]");
  EXPECT_EQ(of(Op::fused, {f32({8, 4})}, attributes),
            "fused: body @g takes f32[k,3] as operand 0, got f32[8,4] [C46]");
}

}  // namespace
}  // namespace leat::ir
