#include <bit>
#include <cmath>
#include <numeric>
#include <optional>

#include "compiler/passes/passes.h"
#include "compiler/passes/rebuild.h"

namespace leat::compiler {
namespace {

using ir::Attr;
using ir::Op;
using ir::Value;

class Simplifier {
 public:
  explicit Simplifier(const ir::Graph& graph) : rebuild_(graph) {}

  ir::Graph Run() {
    const ir::Graph& from = rebuild_.from();
    for (std::uint32_t n = 0; n < from.nodes.size(); ++n) {
      if (from.nodes[n].op == Op::parameter) {
        rebuild_.CopyParameter(n);
        continue;
      }
      const Value copy = rebuild_.Copy(n);
      if (from.nodes[n].results.size() != 1) continue;
      const std::optional<Value> simpler = Simplify(copy.node);
      if (simpler) rebuild_.Set(n, *simpler);
    }
    return rebuild_.Finish();
  }

 private:
  const ir::Node& NodeOf(Value v) { return rebuild_.to().nodes[v.node]; }
  const Shape& ShapeOf(Value v) { return rebuild_.to().type(v).shape; }

  // The value of a scalar constant, also behind a broadcast, as a double where that is exact.
  std::optional<double> Scalar(Value v) {
    const ir::Node* node = &NodeOf(v);
    if (node->op == Op::broadcast) node = &NodeOf(node->inputs[0]);
    if (node->op != Op::constant || node->type().shape.num_elements() != 1) return std::nullopt;
    const ir::Literal& literal = node->attrs().literal(Attr::value);
    return visit_dtype(literal.type.dtype, [&](auto zero) -> std::optional<double> {
      using T = decltype(zero);
      const T x = literal.first<T>();
      if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
        return static_cast<double>(static_cast<float>(x));
      } else if constexpr (std::is_integral_v<T> && sizeof(T) == 8) {
        const auto d = static_cast<double>(x);
        constexpr double kExact = 9007199254740992.0;
        if (d > kExact || d < -kExact) return std::nullopt;
        return d;
      } else {
        return static_cast<double>(x);
      }
    });
  }

  bool IsPositiveZero(Value v) {
    const auto s = Scalar(v);
    return s && *s == 0 && !std::signbit(*s);
  }
  bool IsNegativeZero(Value v) {
    const auto s = Scalar(v);
    return s && *s == 0 && std::signbit(*s);
  }
  bool Is(Value v, double x) {
    const auto s = Scalar(v);
    return s && *s == x;
  }

  std::optional<Value> Simplify(std::uint32_t id) {
    const ir::Node& node = rebuild_.to().nodes[id];
    const bool integer = !is_float(node.type().dtype);
    auto in = [&](std::size_t i) { return node.inputs[i]; };
    switch (node.op) {
      case Op::reshape:
        if (ShapeOf(in(0)) == node.type().shape) return in(0);
        if (NodeOf(in(0)).op == Op::reshape) return Again(id, NodeOf(in(0)).inputs[0], {});
        return std::nullopt;
      case Op::transpose: {
        const auto& dims = node.attrs().integers(Attr::dims);
        if (std::is_sorted(dims.begin(), dims.end())) return in(0);
        if (NodeOf(in(0)).op == Op::transpose) {
          std::vector<std::int64_t> both;
          const auto& inner = NodeOf(in(0)).attrs().integers(Attr::dims);
          for (std::int64_t d : dims) both.push_back(inner[static_cast<std::size_t>(d)]);
          const Value source = NodeOf(in(0)).inputs[0];
          if (std::is_sorted(both.begin(), both.end())) return source;
          return Again(id, source, {{Attr::dims, both}});
        }
        return std::nullopt;
      }
      case Op::broadcast: {
        // With its dims out of order it is a transpose, though the shape may stay.
        const auto& dims = node.attrs().integers(Attr::dims);
        if (ShapeOf(in(0)) == node.type().shape && std::is_sorted(dims.begin(), dims.end())) return in(0);
        return std::nullopt;
      }
      case Op::slice:
        if (ShapeOf(in(0)) == node.type().shape) return in(0);
        return std::nullopt;
      case Op::reverse:
        if (node.attrs().integers(Attr::dims).empty()) return in(0);
        return std::nullopt;
      case Op::convert:
        if (rebuild_.to().type(in(0)).dtype == node.type().dtype) return in(0);
        return std::nullopt;
      case Op::neg:
        if (NodeOf(in(0)).op == Op::neg) return NodeOf(in(0)).inputs[0];
        return std::nullopt;
      case Op::bit_not:
        if (NodeOf(in(0)).op == Op::bit_not) return NodeOf(in(0)).inputs[0];
        return std::nullopt;
      case Op::abs:
        if (NodeOf(in(0)).op == Op::abs) return in(0);
        return std::nullopt;
      case Op::add:
        // x + -0 is x; x + 0 is not (it makes +0 of -0), except for integers.
        if (integer ? Is(in(1), 0) : IsNegativeZero(in(1))) return in(0);
        if (integer ? Is(in(0), 0) : IsNegativeZero(in(0))) return in(1);
        return std::nullopt;
      case Op::sub:
        if (integer ? Is(in(1), 0) : IsPositiveZero(in(1))) return in(0);
        return std::nullopt;
      case Op::mul:
        if (Is(in(1), 1)) return in(0);
        if (Is(in(0), 1)) return in(1);
        return std::nullopt;
      case Op::div:
        if (Is(in(1), 1)) return in(0);
        return integer ? std::nullopt : DivideByPowerOfTwo(id);
      case Op::minimum:
      case Op::maximum:
      case Op::bit_and:
      case Op::bit_or:
        if (in(0) == in(1)) return in(0);
        return std::nullopt;
      case Op::select:
        if (in(1) == in(2)) return in(1);
        if (const auto p = Scalar(in(0))) return *p != 0 ? in(1) : in(2);
        return std::nullopt;
      default: return std::nullopt;
    }
  }

  // The same op on another operand. Re-simplified: chains of views collapse to one.
  Value Again(std::uint32_t id, Value operand, ir::Attributes attributes) {
    const ir::Node& node = rebuild_.to().nodes[id];
    const Value v = rebuild_.Add(node.op, {operand}, std::move(attributes), node.type(), node.location);
    return Simplify(v.node).value_or(v);
  }

  // x / 2^k is x * 2^-k, to the bit, where 2^-k is a normal number of the dtype.
  std::optional<Value> DivideByPowerOfTwo(std::uint32_t id) {
    const ir::Node node = rebuild_.to().nodes[id];
    const auto divisor = Scalar(node.inputs[1]);
    if (!divisor || !std::isfinite(*divisor) || *divisor == 0) return std::nullopt;
    int exponent = 0;
    if (std::fabs(std::frexp(*divisor, &exponent)) != 0.5) return std::nullopt;
    const int power = 1 - exponent;  // the reciprocal is +-2^power
    const DType t = node.type().dtype;
    const int limit = t == DType::f16 ? 14 : t == DType::f64 ? 1022 : 126;
    if (power > limit || power < -limit) return std::nullopt;
    const double reciprocal = 1.0 / *divisor;
    ir::Literal literal = visit_dtype(t, [&](auto zero) {
      using T = decltype(zero);
      if constexpr (std::is_same_v<T, double>) {
        return ir::make_scalar<double>(reciprocal);
      } else if constexpr (std::is_same_v<T, float> || std::is_same_v<T, float16> ||
                           std::is_same_v<T, bfloat16>) {
        return ir::make_scalar<T>(T(static_cast<float>(reciprocal)));
      } else {
        return ir::Literal{};
      }
    });
    Value factor = rebuild_.to().AddConstant(std::move(literal), node.location);
    if (node.type().shape.rank() > 0) {
      factor = rebuild_.Add(Op::broadcast, {factor}, {{Attr::dims, std::vector<std::int64_t>{}}}, node.type(),
                            node.location);
    }
    return rebuild_.Add(Op::mul, {node.inputs[0], factor}, {}, node.type(), node.location);
  }

  Rebuild rebuild_;
};

}  // namespace

ir::Graph simplify_algebra(const ir::Graph& graph) { return Simplifier(graph).Run(); }

}  // namespace leat::compiler
