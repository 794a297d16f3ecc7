// matmul and dot_general.
#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "ir/inference.h"
#include "leat/ops.h"

namespace leat {

using frontend::fail;
using frontend::make_convert;
using frontend::make_op;
using frontend::node_of;
using frontend::normal_axis;
using ir::Attr;
using Integers = std::vector<std::int64_t>;

namespace {

struct Pair {
  Tensor x, y;
};

Pair one_dtype(const Tensor& x, const Tensor& y, std::string_view op, SourceLocation at) {
  const DType a = node_of(x, op, at).dtype, b = node_of(y, op, at).dtype;
  if (a == b) return {x, y};
  StatusOr<DType> common = ir::promote(a, b);
  if (!common.ok()) fail(Code::invalid_argument, std::string(op) + ": " + common.status().message(), at);
  return {make_convert(x, *common, at), make_convert(y, *common, at)};
}

Tensor contract(const Tensor& x, const Tensor& y, Integers batch_x, Integers batch_y, Integers contract_x,
                Integers contract_y, SourceLocation at) {
  return make_op(ir::Op::dot_general, {Operand(x, at), Operand(y, at)},
                 {{Attr::batch_x, std::move(batch_x)},
                  {Attr::batch_y, std::move(batch_y)},
                  {Attr::contract_x, std::move(contract_x)},
                  {Attr::contract_y, std::move(contract_y)}},
                 at);
}

Integers up_to(std::int64_t count) {
  Integers list;
  for (std::int64_t i = 0; i < count; ++i) list.push_back(i);
  return list;
}

// The operand with its leading dimensions broadcast to `batch`.
Tensor with_batch(const Tensor& t, const Shape& batch, SourceLocation at) {
  const Shape& s = t.shape();
  Shape want = batch;
  want.push_back(s[s.size() - 2]);
  want.push_back(s[s.size() - 1]);
  return broadcast_to(t, want, at);
}

}  // namespace

Tensor matmul(const Tensor& x0, const Tensor& y0, Here at) {
  const auto [x, y] = one_dtype(x0, y0, "matmul", at);
  const Shape &a = x.shape(), &b = y.shape();
  if (a.rank() == 0 || b.rank() == 0) {
    fail(Code::invalid_argument,
         "matmul: shapes " + a.ToString() + " and " + b.ToString() + ": an operand of rank 0 (use *)", at);
  }
  const std::int64_t k = a.back(), k2 = b.rank() == 1 ? b[0] : b[b.size() - 2];
  if (k != k2) {
    fail(Code::invalid_argument,
         absl::StrCat("matmul: shapes ", a.ToString(), " and ", b.ToString(),
                      ": the last axis of the first is ", k, ", the ",
                      b.rank() == 1 ? "axis" : "last but one", " of the second is ", k2, " [C39]"),
         at);
  }
  // Where the second has no batch, every row of the first is a row of one product.
  if (b.rank() <= 2) return contract(x, y, {}, {}, {a.rank() - 1}, {0}, at);
  if (a.rank() == 1) return contract(x, y, {}, {}, {0}, {b.rank() - 2}, at);
  const Shape batch_a(a.dims().first(a.size() - 2)), batch_b(b.dims().first(b.size() - 2));
  StatusOr<Shape> batch = ir::broadcast_shapes(batch_a, batch_b);
  if (!batch.ok()) fail(Code::invalid_argument, "matmul: " + batch.status().message(), at);
  const std::int64_t r = batch->rank();
  return contract(with_batch(x, *batch, at), with_batch(y, *batch, at), up_to(r), up_to(r), {r + 1}, {r}, at);
}

Tensor dot_general(const Tensor& x0, const Tensor& y0, const Axes& contract_x, const Axes& contract_y,
                   const Axes& batch_x, const Axes& batch_y, Here at) {
  const auto [x, y] = one_dtype(x0, y0, "dot_general", at);
  const auto normal = [&](const Axes& axes, const Tensor& t) {
    Integers list;
    for (int a : axes.list()) list.push_back(normal_axis(a, t.rank(), "dot_general", at));
    return list;
  };
  return contract(x, y, normal(batch_x, x), normal(batch_y, y), normal(contract_x, x), normal(contract_y, y),
                  at);
}

}  // namespace leat
