#include "tests/conformance/random_graph.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "absl/strings/str_cat.h"
#include "tests/conformance/random_draw.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Graph;
using ir::Op;
using ir::Type;
using ir::Value;
using Dims = std::vector<std::int64_t>;

class Generator final : public GraphDraw {
 public:
  Generator(std::uint64_t seed, const RandomGraphOptions& options)
      : GraphDraw(seed), options_(options), graph_("random" + std::to_string(seed)) {}

  Graph& graph() override { return graph_; }

  Graph Run() {
    const int parameters = 1 + Pick(4);
    for (int i = 0; i < parameters; ++i) {
      values_.push_back(graph_.AddParameter(absl::StrCat("p", i), {RandomDType(), RandomShape()}));
    }
    const int ops = options_.least_ops + Pick(options_.most_ops - options_.least_ops + 1);
    for (int made = 0, tried = 0; made < ops && tried < 50 * ops; ++tried) {
      StatusOr<Value> v = TryOp();
      if (!v.ok() || graph_.type(*v).shape.num_elements() > options_.most_elements) continue;
      for (std::uint32_t r = 0; r < graph_.nodes[v->node].results.size(); ++r)
        values_.push_back({v->node, r});
      ++made;
    }
    graph_.outputs.push_back(values_.back());
    for (int i = Pick(4); i > 0; --i) graph_.outputs.push_back(AnyValue());
    return std::move(graph_);
  }

 private:
  DType RandomDType() { return Chance(55) ? DType::f32 : static_cast<DType>(Pick(kDTypeCount)); }

  Shape RandomShape() {
    static constexpr std::int64_t kExtents[] = {1, 2, 3, 4, 5, 7, 8, 16, 17, 33, 64, 65, 130};
    Shape shape;
    std::int64_t elements = 1;
    for (int rank = Pick(4); rank >= 0; --rank) {
      std::int64_t d = kExtents[Pick(static_cast<int>(std::size(kExtents)))];
      if (Chance(2)) d = 0;
      if (elements * std::max<std::int64_t>(d, 1) > options_.most_elements / 2) d = 1;
      elements *= std::max<std::int64_t>(d, 1);
      shape.push_back(d);
    }
    return Chance(5) ? Shape{} : shape;
  }

  // Recent values are likelier: chains grow long.
  Value AnyValue() override {
    const int n = static_cast<int>(values_.size());
    return values_[static_cast<std::size_t>(Chance(50) ? n - 1 - Pick(std::min(n, 4)) : Pick(n))];
  }
  Value Convert(Value v, DType t) override {
    if (TypeOf(v).dtype == t) return v;
    return graph_.Add(Op::convert, {v}, {{Attr::dtype, t}}).value();
  }

  // A value of this type: one that there is, or made from one by conversion, broadcast, reduction or a
  // constant.
  Value Like(const Type& type) override {
    for (int i = 0; i < 6; ++i) {
      const Value v = AnyValue();
      if (TypeOf(v) == type) return v;
      if (TypeOf(v).shape == type.shape) return Convert(v, type.dtype);
    }
    const int rank = type.shape.rank();
    for (int i = 0; i < 4; ++i) {  // something that broadcasts to it
      const Value v = AnyValue();
      const Shape& s = TypeOf(v).shape;
      if (s.rank() > rank) continue;
      Dims dims(s.size());
      std::iota(dims.begin(), dims.end(), rank - s.rank());
      StatusOr<Value> b =
          graph_.Add(Op::broadcast, {v}, {{Attr::dims, dims}}, {{TypeOf(v).dtype, type.shape}});
      if (b.ok()) return Convert(*b, type.dtype);
    }
    if (rank > 0 && Chance(30)) {
      const DType t = type.dtype == DType::bool_ ? DType::i32 : type.dtype;
      return Convert(
          graph_.Add(Op::iota, {}, {{Attr::axis, std::int64_t{Pick(rank)}}}, {{t, type.shape}}).value(),
          type.dtype);
    }
    const ir::Array scalar = random_array({type.dtype, {}}, random_);
    const Value c = graph_.AddConstant(ir::make_literal(scalar.type, scalar.bytes.get()));
    return graph_.Add(Op::broadcast, {c}, {{Attr::dims, Dims{}}}, {type}).value();
  }

  Value Accepted(ir::TypeRule rule) override {
    const Value v = AnyValue();
    if (ir::accepts(rule, TypeOf(v).dtype)) return v;
    switch (rule) {
      case ir::TypeRule::floating:
        return Convert(v, Chance(70) ? DType::f32 : static_cast<DType>(9 + Pick(4)));
      case ir::TypeRule::integer:
      case ir::TypeRule::integral: return Convert(v, static_cast<DType>(1 + Pick(8)));
      default: return Convert(v, DType::f32);
    }
  }

  // A divisor that is never zero: x | 1.
  Value NonZero(Value v) {
    const Type type = TypeOf(v);
    if (!is_int(type.dtype)) return v;
    const Value one = graph_.AddConstant(visit_dtype(type.dtype, [](auto zero) {
      using T = decltype(zero);
      if constexpr (std::is_integral_v<T>) {
        return ir::make_scalar<T>(T(1));
      } else {
        return ir::Literal{};
      }
    }));
    const Value ones = graph_.Add(Op::broadcast, {one}, {{Attr::dims, Dims{}}}, {type}).value();
    return graph_.Add(Op::bit_or, {v, ones}).value();
  }

  Value IndexScalar(std::int64_t below) {
    return graph_.AddConstant(
        ir::make_scalar<std::int64_t>(Pick(static_cast<int>(std::max<std::int64_t>(below, 1)))));
  }

  StatusOr<Value> TryOp() {
    const auto ops = ir::all_ops();
    const int what = Pick(100);
    ir::Family family = ir::Family::binary;
    if (what < 45) return TryElementwise(ops[static_cast<std::size_t>(Pick(static_cast<int>(ops.size())))]);
    if (what < 62) return TryView();
    if (what < 78)
      family = ir::Family::reduce;
    else if (what < 84 && options_.contractions)
      return Chance(60) ? TryMatmul() : draw_contraction(*this);
    else if (options_.opaque)
      return Chance(50) ? TryOpaque() : draw_rare_op(*this);
    if (family == ir::Family::reduce) return TryReduce();
    return Status(Code::unimplemented, "");
  }

  StatusOr<Value> TryElementwise(const ir::OpInfo& info) {
    const Op op = info.op;
    switch (info.family) {
      case ir::Family::unary:
      case ir::Family::classify: return graph_.Add(op, {Accepted(info.types)});
      case ir::Family::binary:
      case ir::Family::compare: {
        const Value x = Accepted(info.types);
        Value y = Like(Type(TypeOf(x)));
        if (op == Op::div || op == Op::rem) y = NonZero(y);
        return graph_.Add(op, {x, y});
      }
      case ir::Family::ternary: {
        const Value x = Accepted(info.types);
        const Type t = TypeOf(x);
        const Value y = Like(t), z = Like(t);
        return graph_.Add(op, {x, y, z});
      }
      case ir::Family::select: {
        const Value x = AnyValue();
        const Type t = TypeOf(x);
        const Value y = Like(t);
        return graph_.Add(op, {Like({DType::bool_, t.shape}), x, y});
      }
      case ir::Family::convert: {
        if (op == Op::bitcast) {
          const Value x = AnyValue();
          static constexpr std::pair<DType, DType> kPairs[] = {
              {DType::f32, DType::i32}, {DType::f32, DType::u32}, {DType::f64, DType::i64},
              {DType::i32, DType::f32}, {DType::f16, DType::u16}, {DType::i16, DType::bf16}};
          const auto [from, to] = kPairs[Pick(static_cast<int>(std::size(kPairs)))];
          return graph_.Add(op, {Convert(x, from)}, {{Attr::dtype, to}});
        }
        return graph_.Add(op, {AnyValue()}, {{Attr::dtype, RandomDType()}});
      }
      default: return Status(Code::unimplemented, "");
    }
  }

  StatusOr<Value> TryView() {
    const Value x = AnyValue();
    const Type t = TypeOf(x);
    const int rank = t.shape.rank();
    switch (Pick(5)) {
      case 0: {  // merge two neighbours, or split one
        Shape s;
        const int at = rank > 1 ? Pick(rank - 1) : 0;
        for (int d = 0; d < rank; ++d) {
          const std::int64_t e = t.shape[static_cast<std::size_t>(d)];
          if (d == at && rank > 1 && Chance(50)) {
            s.push_back(e * t.shape[static_cast<std::size_t>(d + 1)]);
            ++d;
          } else if (d == at && e % 2 == 0 && e > 0) {
            s.push_back(e / 2);
            s.push_back(2);
          } else {
            s.push_back(e);
          }
        }
        return graph_.Add(Op::reshape, {x}, {}, {{t.dtype, s}});
      }
      case 1: {
        Dims dims(t.shape.size());
        std::iota(dims.begin(), dims.end(), std::int64_t{0});
        std::shuffle(dims.begin(), dims.end(), random_);
        return graph_.Add(Op::transpose, {x}, {{Attr::dims, dims}});
      }
      case 2: {
        Dims starts, limits, strides;
        for (std::int64_t e : t.shape) {
          const std::int64_t a = Pick(static_cast<int>(e) + 1), b = Pick(static_cast<int>(e) + 1);
          starts.push_back(std::min(a, b));
          limits.push_back(Chance(40) ? e : std::max(a, b));
          strides.push_back(1 + (Chance(30) ? Pick(3) : 0));
        }
        return graph_.Add(Op::slice, {x},
                          {{Attr::starts, starts}, {Attr::limits, limits}, {Attr::strides, strides}});
      }
      case 3: {
        Dims dims;
        for (int d = 0; d < rank; ++d) {
          if (Chance(50)) dims.push_back(d);
        }
        return graph_.Add(Op::reverse, {x}, {{Attr::dims, dims}});
      }
      default: {
        Shape s;
        Dims dims;
        for (int d = 0; d < rank; ++d) {
          if (Chance(30)) s.push_back(1 + Pick(4));
          dims.push_back(s.rank());
          const std::int64_t e = t.shape[static_cast<std::size_t>(d)];
          s.push_back(e == 1 ? 1 + Pick(5) : e);
        }
        if (s.is_static() && s.num_elements() > options_.most_elements)
          return Status(Code::unimplemented, "");
        return graph_.Add(Op::broadcast, {x}, {{Attr::dims, dims}}, {{t.dtype, s}});
      }
    }
  }

  StatusOr<Value> TryReduce() {
    static constexpr Op kReduce[] = {Op::reduce_sum, Op::reduce_sum,  Op::reduce_max, Op::reduce_max,
                                     Op::reduce_min, Op::reduce_prod, Op::reduce_and, Op::reduce_or};
    const Op op = kReduce[Pick(static_cast<int>(std::size(kReduce)))];
    const Value x = Accepted(ir::op_info(op).types);
    const Shape shape = TypeOf(x).shape;
    Dims dims;
    for (int d = 0; d < shape.rank(); ++d) {
      if (Chance(50)) dims.push_back(d);
    }
    if (dims.empty()) return Status(Code::unimplemented, "");
    StatusOr<Value> r = graph_.Add(op, {x}, {{Attr::dims, dims}});
    if (!r.ok() || Chance(50)) return r;
    // As in softmax: back to the elements.
    Dims kept;
    for (int d = 0; d < shape.rank(); ++d) {
      if (std::find(dims.begin(), dims.end(), d) == dims.end()) kept.push_back(d);
    }
    const Type full{TypeOf(*r).dtype, shape};
    StatusOr<Value> b = graph_.Add(Op::broadcast, {*r}, {{Attr::dims, kept}}, {full});
    if (!b.ok()) return b;
    if (!ir::accepts(ir::TypeRule::numeric, full.dtype)) return b;
    return graph_.Add(Chance(50) ? Op::sub : Op::mul, {Convert(x, full.dtype), *b});
  }

  StatusOr<Value> TryMatmul() {
    const Value x = Accepted(ir::TypeRule::numeric);
    const Type t = TypeOf(x);
    if (t.shape.rank() < 1 || t.shape.rank() > 3) return Status(Code::unimplemented, "");
    const std::int64_t k = t.shape.back(), n = 1 + Pick(20);
    const bool transposed = Chance(50);
    const Shape ys = transposed ? Shape{n, k} : Shape{k, n};
    if (t.shape.num_elements() * n > 200000) return Status(Code::unimplemented, "");
    const Value y = Like({t.dtype, ys});
    return graph_.Add(Op::dot_general, {x, y},
                      {{Attr::batch_x, Dims{}},
                       {Attr::batch_y, Dims{}},
                       {Attr::contract_x, Dims{t.shape.rank() - 1}},
                       {Attr::contract_y, Dims{transposed ? 1 : 0}}});
  }

  StatusOr<Value> TryOpaque() {
    const Value x = AnyValue();
    const Type t = TypeOf(x);
    const int rank = t.shape.rank();
    const std::int64_t axis = rank > 0 ? Pick(rank) : 0;
    const std::int64_t extent = rank > 0 ? t.shape[static_cast<std::size_t>(axis)] : 1;
    switch (Pick(9)) {
      case 0: {
        const Value y = Like(t);
        return graph_.Add(Op::concat, {x, y, x}, {{Attr::axis, axis}});
      }
      case 1: {
        Dims low, high, interior;
        for (int d = 0; d < rank; ++d) {
          low.push_back(Pick(4) - 1);
          high.push_back(Pick(4) - 1);
          interior.push_back(Chance(25) ? Pick(3) : 0);
        }
        const ir::Array scalar = random_array({t.dtype, {}}, random_);
        const Value c = graph_.AddConstant(ir::make_literal(scalar.type, scalar.bytes.get()));
        return graph_.Add(Op::pad, {x, c},
                          {{Attr::low, low}, {Attr::high, high}, {Attr::interior, interior}});
      }
      case 2: {
        if (rank == 0 || extent == 0) return Status(Code::unimplemented, "");
        std::vector<std::int64_t> indices(static_cast<std::size_t>(1 + Pick(9)));
        for (auto& i : indices) i = Pick(static_cast<int>(extent));
        const Value c = graph_.AddConstant(
            ir::make_literal({DType::i64, {static_cast<std::int64_t>(indices.size())}}, indices.data()));
        return graph_.Add(Op::gather, {x, c}, {{Attr::axis, axis}});
      }
      case 3: return graph_.Add(Op::sort, {x}, {{Attr::axis, axis}, {Attr::descending, Chance(50)}});
      case 4: return graph_.Add(Chance(50) ? Op::arg_max : Op::arg_min, {x}, {{Attr::axis, axis}});
      case 5: {
        static constexpr Op kOps[] = {Op::cumulative_sum, Op::cumulative_prod, Op::cumulative_max,
                                      Op::cumulative_min};
        return graph_.Add(kOps[Pick(4)], {Accepted(ir::TypeRule::numeric)},
                          {{Attr::axis, axis}, {Attr::exclusive, Chance(30)}, {Attr::backward, Chance(30)}});
      }
      case 6: {
        if (rank == 0 || t.shape.back() == 0) return Status(Code::unimplemented, "");
        return graph_.Add(Op::top_k, {x},
                          {{Attr::k, std::int64_t{1 + Pick(static_cast<int>(t.shape.back()))}}});
      }
      case 7: {
        absl::InlinedVector<Value, 3> operands = {x};
        Dims sizes;
        for (std::int64_t e : t.shape) {
          sizes.push_back(e == 0 ? 0 : 1 + Pick(static_cast<int>(e)));
          operands.push_back(IndexScalar(e));
        }
        return graph_.Add(Op::dynamic_slice, operands, {{Attr::sizes, sizes}});
      }
      default: {
        const Value key = graph_.AddConstant([&] {
          const std::uint64_t words[2] = {random_(), random_() % 1000};
          return ir::make_literal({DType::u64, {2}}, words);
        }());
        return graph_.Add(Op::random_bits, {key}, {}, {{Chance(70) ? DType::u32 : DType::u64, t.shape}});
      }
    }
  }

  const RandomGraphOptions& options_;
  Graph graph_;
  std::vector<Value> values_;
};

template <class T>
T random_element(std::mt19937_64& random) {
  const std::uint64_t r = random();
  const int kind = static_cast<int>(r % 64);
  if constexpr (std::is_same_v<T, bool>) {
    return (r & 64) != 0;
  } else if constexpr (std::is_integral_v<T>) {
    if (kind == 0) return std::numeric_limits<T>::min();
    if (kind == 1) return std::numeric_limits<T>::max();
    if (kind == 2) return static_cast<T>(random());
    return static_cast<T>(static_cast<std::int64_t>((r >> 8) % 23) - (std::is_signed_v<T> ? 11 : 0));
  } else {
    double x = std::normal_distribution<double>(0, 2)(random);
    switch (kind) {
      case 0: x = 0.0; break;
      case 1: x = -0.0; break;
      case 2: x = std::numeric_limits<double>::quiet_NaN(); break;
      case 3: x = std::numeric_limits<double>::infinity(); break;
      case 4: x = -std::numeric_limits<double>::infinity(); break;
      case 5: x = 1e-40; break;
      case 6: x = 65504; break;
      default: break;
    }
    if constexpr (std::is_same_v<T, double> || std::is_same_v<T, float>) {
      return static_cast<T>(x);
    } else {
      return T(static_cast<float>(x));
    }
  }
}

template <class T>
bool same(T a, T b) {
  if constexpr (std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>) {
    return a.bits == b.bits || (std::isnan(static_cast<float>(a)) && std::isnan(static_cast<float>(b)));
  } else if constexpr (std::is_floating_point_v<T>) {
    return std::memcmp(&a, &b, sizeof(T)) == 0 || (std::isnan(a) && std::isnan(b));
  } else {
    return a == b;
  }
}

}  // namespace

Graph random_graph(std::uint64_t seed, const RandomGraphOptions& options) {
  return Generator(seed, options).Run();
}

Graph move_values(const Graph& graph, const std::vector<std::string>& devices, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  Graph to(graph.name);
  to.locations = graph.locations;
  std::vector<std::vector<Value>> values(graph.nodes.size());
  std::size_t parameter = 0;
  for (std::uint32_t n = 0; n < graph.nodes.size(); ++n) {
    ir::Node node = graph.nodes[n];
    if (node.op == Op::parameter) {
      values[n] = {to.AddParameter(graph.parameter_names[parameter++], node.type())};
    } else {
      for (Value& v : node.inputs) v = values[v.node][v.result];
      const auto results = static_cast<std::uint32_t>(node.results.size());
      const Value v = to.AddUnchecked(std::move(node));
      for (std::uint32_t r = 0; r < results; ++r) values[n].push_back({v.node, r});
    }
    if (random() % 4 != 0) continue;
    Value& v = values[n][random() % values[n].size()];
    v = to.Add(Op::copy, {v}, {{Attr::device, devices[random() % devices.size()]}}).value();
  }
  for (Value v : graph.outputs) to.outputs.push_back(values[v.node][v.result]);
  return to;
}

ir::Array random_array(const Type& type, std::mt19937_64& random) {
  ir::Array array = ir::Array::Zeros(type);
  visit_dtype(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* p = array.as<T>();
    for (std::int64_t i = 0; i < type.shape.num_elements(); ++i) p[i] = random_element<T>(random);
  });
  return array;
}

std::vector<ir::Array> random_inputs(const Graph& graph, std::uint64_t seed) {
  std::mt19937_64 random(seed ^ 0x9e3779b97f4a7c15u);
  std::vector<ir::Array> inputs;
  for (std::uint32_t p : graph.parameters) inputs.push_back(random_array(graph.nodes[p].type(), random));
  return inputs;
}

std::string compare_bits(const ir::Array& expected, const ir::Array& actual) {
  if (!(expected.type == actual.type)) return "types differ";
  return visit_dtype(expected.type.dtype, [&](auto zero) -> std::string {
    using T = decltype(zero);
    const T *a = expected.as<T>(), *b = actual.as<T>();
    for (std::int64_t i = 0; i < expected.type.shape.num_elements(); ++i) {
      if (same(a[i], b[i])) continue;
      double x = 0, y = 0;
      if constexpr (std::is_arithmetic_v<T>) {
        x = static_cast<double>(a[i]);
        y = static_cast<double>(b[i]);
      } else {
        x = static_cast<double>(static_cast<float>(a[i]));
        y = static_cast<double>(static_cast<float>(b[i]));
      }
      return absl::StrCat("element ", i, " of ", std::string(name(expected.type.dtype)),
                          expected.type.shape.ToString(), ": expected ", x, ", got ", y);
    }
    return "";
  });
}

}  // namespace leat::testing
