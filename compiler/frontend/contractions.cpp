// matmul, dot_general, einsum.
#include <algorithm>

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

namespace {

[[noreturn]] void einsum_error(std::string_view formula, const std::string& why, SourceLocation at) {
  fail(Code::invalid_argument, "einsum \"" + std::string(formula) + "\": " + why, at);
}

struct Term {
  Tensor tensor;
  std::string labels;
};

// Sums away the labels that nobody else has.
Term reduce_private(Term t, const std::string& others, SourceLocation at) {
  std::vector<int> axes;
  std::string left;
  for (std::size_t i = 0; i < t.labels.size(); ++i) {
    if (others.find(t.labels[i]) == std::string::npos) {
      axes.push_back(static_cast<int>(i));
    } else {
      left += t.labels[i];
    }
  }
  if (axes.empty()) return t;
  return {sum(t.tensor, axes, false, at), left};
}

Tensor arrange(const Term& t, const std::string& want, SourceLocation at) {
  std::vector<int> axes;
  for (char c : want) axes.push_back(static_cast<int>(t.labels.find(c)));
  return axes.empty() ? t.tensor : transpose(t.tensor, axes, at);
}

}  // namespace

Tensor einsum(std::string_view formula, std::initializer_list<Tensor> operands, Here at) {
  std::vector<std::string> inputs(1);
  std::string output;
  bool after_arrow = false;
  for (std::size_t i = 0; i < formula.size(); ++i) {
    const char c = formula[i];
    if (c == ' ') continue;
    if (c == ',' && !after_arrow) {
      inputs.emplace_back();
    } else if (c == '-' && i + 1 < formula.size() && formula[i + 1] == '>' && !after_arrow) {
      after_arrow = true;
      ++i;
    } else if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) {
      std::string& term = after_arrow ? output : inputs.back();
      if (term.find(c) != std::string::npos)
        einsum_error(formula, std::string("label ") + c + " repeats in one term", at);
      term += c;
    } else {
      einsum_error(formula, std::string("unexpected '") + c + "'", at);
    }
  }
  if (!after_arrow) einsum_error(formula, "there is no ->", at);
  if (inputs.size() != operands.size() || inputs.size() > 2) {
    einsum_error(formula,
                 absl::StrCat(inputs.size(), " terms for ", operands.size(), " operands (one or two)"), at);
  }
  std::vector<Term> terms;
  std::string all;
  for (const Tensor& t : operands) {
    const std::string& labels = inputs[terms.size()];
    if (static_cast<int>(labels.size()) != node_of(t, "einsum", at).shape.rank()) {
      einsum_error(formula, "term " + labels + " for an operand of shape " + t.shape().ToString(), at);
    }
    all += labels;
    terms.push_back({t, labels});
  }
  for (char c : output) {
    if (all.find(c) == std::string::npos)
      einsum_error(formula, std::string("label ") + c + " is in no operand", at);
  }
  if (terms.size() == 1) return arrange(reduce_private(terms[0], output, at), output, at);
  Term x = reduce_private(terms[0], output + terms[1].labels, at);
  Term y = reduce_private(terms[1], output + terms[0].labels, at);
  auto [tx, ty] = one_dtype(x.tensor, y.tensor, "einsum", at);
  Integers batch_x, batch_y, sum_x, sum_y;
  std::string batch, free_x, free_y;
  for (std::size_t i = 0; i < x.labels.size(); ++i) {
    const char c = x.labels[i];
    const std::size_t j = y.labels.find(c);
    const bool out = output.find(c) != std::string::npos;
    if (j == std::string::npos) {
      free_x += c;
    } else if (out) {
      batch += c;
      batch_x.push_back(static_cast<std::int64_t>(i));
      batch_y.push_back(static_cast<std::int64_t>(j));
    } else {
      sum_x.push_back(static_cast<std::int64_t>(i));
      sum_y.push_back(static_cast<std::int64_t>(j));
    }
  }
  for (char c : y.labels) {
    if (x.labels.find(c) == std::string::npos) free_y += c;
  }
  const Term product{contract(tx, ty, batch_x, batch_y, sum_x, sum_y, at), batch + free_x + free_y};
  return arrange(product, output, at);
}

}  // namespace leat
