#include "tests/conformance/case_builder.h"

#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "absl/strings/str_cat.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Op;
using ir::Value;

constexpr std::string_view kAccessNames[kAccessCount] = {"",         "transposed", "reversed", "sliced",
                                                         "repeated", "leading",    "scalar",   "constant"};

struct FloatFormat {
  int mantissa;
  std::uint64_t one, infinity, sign;
};

template <class T>
constexpr FloatFormat format_of() {
  if constexpr (std::is_same_v<T, float16>) return {10, 0x3c00, 0x7c00, 0x8000};
  if constexpr (std::is_same_v<T, bfloat16>) return {7, 0x3f80, 0x7f80, 0x8000};
  if constexpr (std::is_same_v<T, float>) return {23, 0x3f800000, 0x7f800000, 0x80000000};
  return {52, 0x3ff0000000000000, 0x7ff0000000000000, 0x8000000000000000};
}

template <class T>
T from_bits(std::uint64_t bits) {
  T x;
  std::memcpy(static_cast<void*>(&x), &bits, sizeof x);
  return x;
}

template <class T>
T from_double(double x) {
  if constexpr (std::is_same_v<T, double> || std::is_same_v<T, float>) {
    return static_cast<T>(x);
  } else {
    return T(static_cast<float>(x));
  }
}

template <class T>
std::vector<T> specials() {
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_integral_v<T>) {
    using Limits = std::numeric_limits<T>;
    return {T(0),
            T(1),
            static_cast<T>(-1),
            Limits::min(),
            static_cast<T>(Limits::min() + 1),
            Limits::max(),
            T(2),
            static_cast<T>(-2),
            static_cast<T>(Limits::max() - 1),
            T(7),
            T(31),
            T(64)};
  } else {
    constexpr FloatFormat f = format_of<T>();
    const std::uint64_t quiet = f.infinity | (std::uint64_t{1} << (f.mantissa - 1));
    std::vector<T> list;
    for (const std::uint64_t bits :
         {std::uint64_t{0}, std::uint64_t{1}, (std::uint64_t{1} << f.mantissa) - 1,
          std::uint64_t{1} << f.mantissa, f.one, f.one + 1, f.one - 1, f.infinity - 1, f.infinity}) {
      list.push_back(from_bits<T>(bits));
      list.push_back(from_bits<T>(bits | f.sign));
    }
    list.push_back(from_bits<T>(quiet));
    for (const double x : {0.5, -1.5, 2.5, 3.14159265, -88.75, 709.5, 16777217.0})
      list.push_back(from_double<T>(x));
    return list;
  }
}

double draw_in(ir::Domain domain, std::mt19937_64& random) {
  const double u = std::uniform_real_distribution<double>(-1, 1)(random);
  switch (domain) {
    case ir::Domain::unit: return u;
    case ir::Domain::positive: return std::ldexp(1 + std::fabs(u), static_cast<int>(random() % 20) - 10);
    case ir::Domain::moderate: return 20 * u;
    case ir::Domain::all: return std::ldexp(u, static_cast<int>(random() % 24) - 12);
  }
  __builtin_unreachable();
}

template <class T>
T draw(ir::Domain domain, Values values, std::mt19937_64& random) {
  const std::uint64_t r = random();
  if constexpr (std::is_same_v<T, bool>) {
    return r % 2 != 0;
  } else if constexpr (std::is_integral_v<T>) {
    if (values == Values::domain)
      return static_cast<T>(static_cast<std::int64_t>(r % 19) - (std::is_signed_v<T> ? 9 : 0));
    static const std::vector<T> kSpecials = specials<T>();
    T x = r % 4 == 0   ? kSpecials[(r >> 8) % kSpecials.size()]
          : r % 4 == 1 ? static_cast<T>(random())
                       : static_cast<T>((r >> 8) % 100);
    return values == Values::nonzero && x == 0 ? T(3) : x;
  } else {
    if (values != Values::domain) {
      static const std::vector<T> kSpecials = specials<T>();
      if (r % 4 == 0) return kSpecials[(r >> 8) % kSpecials.size()];
      if (r % 4 == 1) return from_bits<T>(random());
    }
    return from_double<T>(draw_in(domain, random));
  }
}

}  // namespace

std::vector<ir::Literal> special_values(DType dtype) {
  std::vector<ir::Literal> list;
  visit_dtype(dtype, [&](auto zero) {
    for (const decltype(zero) stored : specials<decltype(zero)>()) {
      list.push_back(ir::make_literal({dtype, {}}, &stored));
    }
  });
  return list;
}

CaseBuilder::CaseBuilder(Op op, DType dtype)
    : info_(ir::op_info(op)),
      dtype_(dtype),
      random_(1000003 * (static_cast<std::uint64_t>(op) + 1) + static_cast<std::uint64_t>(dtype)) {}

ir::Array CaseBuilder::Array(const ir::Type& type, Values values) {
  ir::Array array = ir::Array::Zeros(type);
  visit_dtype(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    T* p = array.as<T>();
    const std::int64_t n = type.shape.num_elements();
    if (values == Values::specials) {
      const std::vector<T> list = specials<T>();
      for (std::int64_t i = 0; i < n; ++i) p[i] = list[static_cast<std::size_t>(i) % list.size()];
      return;
    }
    for (std::int64_t i = 0; i < n; ++i) p[i] = draw<T>(info_.domain, values, random_);
  });
  return array;
}

Operand CaseBuilder::Indices(DType dtype, const Shape& shape, std::int64_t below, bool wrong) {
  Operand operand{{dtype, shape}, Access::dense, Values::mixed, ir::Array::Zeros({dtype, shape})};
  const std::int64_t n = shape.num_elements();
  const std::int64_t outside = wrong && n > 0 ? Pick(n) : -1;
  for (std::int64_t i = 0; i < n; ++i) {
    const std::int64_t index =
        i == outside ? (Pick(2) == 0 ? below : -1) : Pick(std::max<std::int64_t>(below, 1));
    if (dtype == DType::i32) {
      operand.given->as<std::int32_t>()[i] = static_cast<std::int32_t>(index);
    } else {
      operand.given->as<std::int64_t>()[i] = index;
    }
  }
  return operand;
}

Operand CaseBuilder::Integer(DType dtype, std::int64_t value, Access access) {
  Operand operand{{dtype, {}}, access, Values::mixed, ir::Array::Zeros({dtype, {}})};
  std::memcpy(operand.given->bytes.get(), &value, byte_size(dtype));
  return operand;
}

ir::Value CaseBuilder::AddOperand(ir::Graph& graph, const Operand& operand, std::vector<ir::Array>& inputs) {
  const ir::Type& type = operand.type;
  const int rank = type.shape.rank();
  const auto parameter = [&](const Shape& shape) {
    const ir::Type stored{type.dtype, shape};
    inputs.push_back(operand.given ? *operand.given : Array(stored, operand.values));
    return graph.AddParameter(absl::StrCat("p", graph.parameters.size()), stored);
  };
  const auto view = [&](Op op, Value v, ir::Attributes attributes, std::vector<ir::Type> declared = {}) {
    return graph.Add(op, {v}, std::move(attributes), std::move(declared)).value();
  };
  Dims axes(static_cast<std::size_t>(rank));
  std::iota(axes.begin(), axes.end(), std::int64_t{0});
  switch (operand.access) {
    case Access::dense: return parameter(type.shape);
    case Access::transposed: {
      Dims dims(axes.rbegin(), axes.rend());
      Shape stored;
      for (std::int64_t d : dims) stored.push_back(type.shape[static_cast<std::size_t>(d)]);
      return view(Op::transpose, parameter(stored), {{Attr::dims, dims}});
    }
    case Access::reversed: return view(Op::reverse, parameter(type.shape), {{Attr::dims, axes}});
    case Access::sliced: {
      Shape stored;
      Dims starts, limits, strides;
      for (std::int64_t d : type.shape) {
        stored.push_back(2 * d + 2);
        starts.push_back(1);
        limits.push_back(2 * d + 1);
        strides.push_back(2);
      }
      return view(Op::slice, parameter(stored),
                  {{Attr::starts, starts}, {Attr::limits, limits}, {Attr::strides, strides}});
    }
    case Access::repeated: {  // every other extent is 1, the last one first
      Shape stored = type.shape;
      for (int d = rank - 1; d >= 0; d -= 2) stored[static_cast<std::size_t>(d)] = 1;
      return view(Op::broadcast, parameter(stored), {{Attr::dims, axes}}, {type});
    }
    case Access::leading: {  // without the leading dimension
      if (rank == 0) return parameter(type.shape);
      const Shape stored(type.shape.dims().subspan(1));
      return view(Op::broadcast, parameter(stored), {{Attr::dims, Dims(axes.begin() + 1, axes.end())}},
                  {type});
    }
    case Access::scalar: return view(Op::broadcast, parameter({}), {{Attr::dims, Dims{}}}, {type});
    case Access::constant: {
      const ir::Array a = operand.given ? *operand.given : Array({type.dtype, {}}, operand.values);
      const Value c = graph.AddConstant(ir::make_literal(a.type, a.bytes.get()));
      if (a.type == type) return c;
      return view(Op::broadcast, c, {{Attr::dims, Dims{}}}, {type});
    }
  }
  __builtin_unreachable();
}

void CaseBuilder::Add(const std::vector<Operand>& operands, ir::Attributes attributes,
                      std::vector<ir::Type> declared) {
  OpCase c;
  c.graph.name = std::string(info_.name);
  absl::InlinedVector<Value, 3> values;
  for (const Operand& operand : operands) {
    values.push_back(AddOperand(c.graph, operand, c.inputs));
    absl::StrAppend(&c.what, c.what.empty() ? "" : ", ", c.graph.ToString(operand.type));
    const std::string_view access = kAccessNames[static_cast<int>(operand.access)];
    if (!access.empty()) absl::StrAppend(&c.what, " ", std::string(access));
  }
  const StatusOr<Value> v = c.graph.Add(info_.op, values, std::move(attributes), std::move(declared));
  if (!v.ok()) {
    if (cases_.rejected.ok()) cases_.rejected = v.status();
    return;
  }
  const auto results = static_cast<std::uint32_t>(c.graph.nodes[v->node].results.size());
  for (std::uint32_t r = 0; r < results; ++r) c.graph.outputs.push_back({v->node, r});
  cases_.cases.push_back(std::move(c));
}

void CaseBuilder::AddGraph(ir::Graph graph, std::vector<ir::Array> inputs, std::string what) {
  cases_.cases.push_back({std::move(what), std::move(graph), std::move(inputs)});
}

}  // namespace leat::testing
