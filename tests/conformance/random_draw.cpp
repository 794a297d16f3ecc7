#include "tests/conformance/random_draw.h"

#include <algorithm>
#include <numeric>

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Op;
using ir::Type;
using ir::Value;
using Dims = std::vector<std::int64_t>;

const Status kNoFit(Code::unimplemented, "nothing fits");

std::int64_t extent(const Shape& shape, int axis) { return shape[static_cast<std::size_t>(axis)]; }

/// A constant of random indices below `below`.
Value indices(GraphDraw& draw, const Shape& shape, std::int64_t below) {
  std::vector<std::int64_t> list(static_cast<std::size_t>(shape.num_elements()) + 1);
  for (std::int64_t& i : list) i = draw.Pick(static_cast<int>(std::max<std::int64_t>(below, 1)));
  if (draw.Chance(50)) return draw.graph().AddConstant(ir::make_literal({DType::i64, shape}, list.data()));
  const std::vector<std::int32_t> narrow(list.begin(), list.end());
  return draw.graph().AddConstant(ir::make_literal({DType::i32, shape}, narrow.data()));
}

StatusOr<Value> draw_batched_dot(GraphDraw& draw) {
  const Value x = draw.Accepted(ir::TypeRule::numeric);
  const Type t = draw.TypeOf(x);
  if (t.shape.rank() < 2 || t.shape.num_elements() > 3000) return kNoFit;
  // One batch dimension and one that is summed, wherever they stand.
  const int batch = draw.Pick(t.shape.rank());
  const int summed = (batch + 1 + draw.Pick(t.shape.rank() - 1)) % t.shape.rank();
  Dims order = {0, 1, 2};
  if (draw.Chance(50)) std::swap(order[1], order[2]);
  if (draw.Chance(30)) std::swap(order[0], order[1]);
  Shape y{0, 0, 0};
  y[static_cast<std::size_t>(order[0])] = extent(t.shape, batch);
  y[static_cast<std::size_t>(order[1])] = extent(t.shape, summed);
  y[static_cast<std::size_t>(order[2])] = 1 + draw.Pick(9);
  if (y.num_elements() > 6000) return kNoFit;
  return draw.graph().Add(Op::dot_general, {x, draw.Like({t.dtype, y})},
                          {{Attr::batch_x, Dims{batch}},
                           {Attr::batch_y, Dims{order[0]}},
                           {Attr::contract_x, Dims{summed}},
                           {Attr::contract_y, Dims{order[1]}}});
}

StatusOr<Value> draw_convolution(GraphDraw& draw) {
  const Value from = draw.Accepted(ir::TypeRule::numeric);
  const DType dtype = draw.TypeOf(from).dtype;
  const int spatial = 1 + draw.Pick(2);
  const std::int64_t groups = draw.Chance(30) ? 2 : 1;
  Shape x{1 + draw.Pick(2), groups * (1 + draw.Pick(3))}, w{groups * (1 + draw.Pick(3)), x[1] / groups};
  Dims strides, low, high, input_dilation, dilation;
  for (int d = 0; d < spatial; ++d) {
    x.push_back(4 + draw.Pick(8));
    w.push_back(1 + draw.Pick(3));
    strides.push_back(1 + draw.Pick(2));
    low.push_back(draw.Pick(2));
    high.push_back(draw.Pick(2));
    input_dilation.push_back(draw.Chance(20) ? 2 : 1);
    dilation.push_back(draw.Chance(20) && w.back() == 2 ? 2 : 1);
  }
  return draw.graph().Add(Op::convolution, {draw.Like({dtype, x}), draw.Like({dtype, w})},
                          {{Attr::strides, strides},
                           {Attr::low, low},
                           {Attr::high, high},
                           {Attr::input_dilation, input_dilation},
                           {Attr::dilation, dilation},
                           {Attr::groups, groups}});
}

StatusOr<Value> draw_attention(GraphDraw& draw) {
  const Value q = draw.Accepted(ir::TypeRule::floating);
  const Type t = draw.TypeOf(q);
  if (t.shape.rank() < 2 || t.shape.num_elements() > 3000) return kNoFit;
  Shape k = t.shape, v = t.shape;
  const std::size_t m = t.shape.size() - 2;
  k[m] = v[m] = 1 + draw.Pick(9);
  v[m + 1] = 1 + draw.Pick(9);
  absl::InlinedVector<Value, 3> operands = {q, draw.Like({t.dtype, k}), draw.Like({t.dtype, v})};
  if (draw.Chance(30)) {
    Shape mask = t.shape;
    mask[m + 1] = k[m];
    operands.push_back(draw.Like({t.dtype, mask}));
  }
  return draw.graph().Add(Op::attention, operands, {{Attr::scale, 0.5}, {Attr::causal, draw.Chance(30)}});
}

StatusOr<Value> draw_gather(GraphDraw& draw) {
  const Value x = draw.AnyValue();
  const Type t = draw.TypeOf(x);
  if (t.shape.rank() == 0) return kNoFit;
  const int axis = draw.Pick(t.shape.rank());
  if (draw.Chance(50)) {
    if (extent(t.shape, axis) == 0) return kNoFit;
    Shape s = t.shape;
    s[static_cast<std::size_t>(axis)] = 1 + draw.Pick(5);
    const Value i = indices(draw, s, extent(t.shape, axis));
    return draw.graph().Add(Op::gather_elements, {x, i}, {{Attr::axis, std::int64_t{axis}}});
  }
  const int depth = 1 + draw.Pick(t.shape.rank());
  std::int64_t below = extent(t.shape, 0);
  for (int d = 1; d < depth; ++d) below = std::min(below, extent(t.shape, d));
  if (below == 0) return kNoFit;
  const Value i = indices(draw, {1 + draw.Pick(5), depth}, below);
  return draw.graph().Add(Op::gather_nd, {x, i});
}

StatusOr<Value> draw_scatter(GraphDraw& draw) {
  const Value x = draw.Accepted(ir::TypeRule::numeric);
  const Type t = draw.TypeOf(x);
  if (t.shape.rank() == 0) return kNoFit;
  static constexpr const char* kKinds[] = {"set", "add", "mul", "min", "max"};
  const std::string kind = kKinds[draw.Pick(5)];
  if (draw.Chance(50)) {
    const int axis = draw.Pick(t.shape.rank());
    if (extent(t.shape, axis) == 0) return kNoFit;
    Shape s = t.shape;
    s[static_cast<std::size_t>(axis)] = 1 + draw.Pick(5);
    const Value i = indices(draw, s, extent(t.shape, axis));
    return draw.graph().Add(Op::scatter_elements, {x, i, draw.Like({t.dtype, s})},
                            {{Attr::axis, std::int64_t{axis}}, {Attr::kind, kind}});
  }
  if (extent(t.shape, 0) == 0) return kNoFit;
  Shape updates = t.shape;
  updates[0] = 1 + draw.Pick(4);
  const Value i = indices(draw, {updates[0], 1}, extent(t.shape, 0));
  return draw.graph().Add(Op::scatter_nd, {x, i, draw.Like({t.dtype, updates})}, {{Attr::kind, kind}});
}

StatusOr<Value> draw_update(GraphDraw& draw) {
  const Value x = draw.AnyValue();
  const Type t = draw.TypeOf(x);
  Shape s;
  for (std::int64_t e : t.shape) s.push_back(e == 0 ? 0 : 1 + draw.Pick(static_cast<int>(e)));
  absl::InlinedVector<Value, 3> operands = {x, draw.Like({t.dtype, s})};
  for (std::int64_t e : t.shape) operands.push_back(indices(draw, {}, e));
  return draw.graph().Add(Op::dynamic_update_slice, operands);
}

StatusOr<Value> draw_window(GraphDraw& draw) {
  const Value x = draw.Accepted(ir::TypeRule::numeric);
  const Shape shape = draw.TypeOf(x).shape;
  static constexpr const char* kKinds[] = {"sum", "max", "min"};
  Dims window, strides, low, high, dilation;
  for (std::int64_t e : shape) {
    window.push_back(draw.Chance(50) ? 1
                                     : 1 + draw.Pick(static_cast<int>(std::clamp<std::int64_t>(e, 1, 4))));
    strides.push_back(1 + draw.Pick(2));
    low.push_back(draw.Pick(2));
    high.push_back(draw.Pick(2));
    dilation.push_back(1);
  }
  return draw.graph().Add(Op::reduce_window, {x},
                          {{Attr::kind, std::string(kKinds[draw.Pick(3)])},
                           {Attr::window, window},
                           {Attr::strides, strides},
                           {Attr::low, low},
                           {Attr::high, high},
                           {Attr::dilation, dilation}});
}

StatusOr<Value> draw_sort(GraphDraw& draw) {
  const Value x = draw.AnyValue();
  const Shape shape = draw.TypeOf(x).shape;
  if (shape.rank() == 0) return kNoFit;
  const Value payload = draw.Like({DType::i32, shape});
  return draw.graph().Add(
      Op::sort, {x, payload},
      {{Attr::axis, std::int64_t{draw.Pick(shape.rank())}}, {Attr::descending, draw.Chance(50)}});
}

StatusOr<Value> draw_branch(GraphDraw& draw) {
  const Value x = draw.AnyValue();
  const Type t = draw.TypeOf(x);
  const auto branch = [&](Op op) {
    auto graph = std::make_shared<ir::Graph>(std::string(name(op)));
    const Value a = graph->AddParameter("a", t), b = graph->AddParameter("b", t);
    graph->outputs = {graph->Add(op, {a, b}).value(), b};
    return std::shared_ptr<const ir::Graph>(graph);
  };
  const Value y = draw.Like(t), p = draw.Like({DType::bool_, {}});
  return draw.graph().Add(
      Op::cond, {p, x, y},
      {{Attr::then_branch, branch(Op::maximum)}, {Attr::else_branch, branch(Op::minimum)}});
}

StatusOr<Value> draw_loop(GraphDraw& draw) {
  const Value x = draw.Accepted(ir::TypeRule::numeric);
  const Type t = draw.TypeOf(x), counter{DType::i32, {}};
  auto condition = std::make_shared<ir::Graph>("condition");
  auto body = std::make_shared<ir::Graph>("body");
  {
    const Value i = condition->AddParameter("i", counter);
    condition->AddParameter("a", t);
    const Value limit = condition->AddConstant(ir::make_scalar<std::int32_t>(draw.Pick(4)));
    condition->outputs = {condition->Add(Op::less, {i, limit}).value()};
  }
  {
    const Value i = body->AddParameter("i", counter), a = body->AddParameter("a", t);
    const Value one = body->AddConstant(ir::make_scalar<std::int32_t>(1));
    const Value next = body->Add(draw.Chance(50) ? Op::add : Op::sub, {a, a}).value();
    body->outputs = {body->Add(Op::add, {i, one}).value(), body->Add(Op::neg, {next}).value()};
  }
  const Value zero = draw.graph().AddConstant(ir::make_scalar<std::int32_t>(0));
  return draw.graph().Add(Op::while_loop, {zero, x},
                          {{Attr::condition, std::shared_ptr<const ir::Graph>(condition)},
                           {Attr::body, std::shared_ptr<const ir::Graph>(body)}});
}

}  // namespace

StatusOr<Value> draw_contraction(GraphDraw& draw) {
  switch (draw.Pick(3)) {
    case 0: return draw_batched_dot(draw);
    case 1: return draw_convolution(draw);
    default: return draw_attention(draw);
  }
}

StatusOr<Value> draw_rare_op(GraphDraw& draw) {
  switch (draw.Pick(7)) {
    case 0: return draw_gather(draw);
    case 1: return draw_scatter(draw);
    case 2: return draw_update(draw);
    case 3: return draw_window(draw);
    case 4: return draw_sort(draw);
    case 5: return draw_branch(draw);
    default: return draw_loop(draw);
  }
}

}  // namespace leat::testing
