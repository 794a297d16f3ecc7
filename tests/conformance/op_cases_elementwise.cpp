// Elementwise ops and sources: every shape, every access, every pair of special values.
#include <cstring>

#include "tests/conformance/case_builder.h"

namespace leat::testing {
namespace {

using ir::Attr;
using ir::Op;

// Rank 0, nothing, one, and what no vector width divides.
const std::vector<Shape>& shapes() {
  static const auto* const kShapes =
      new std::vector<Shape>{{}, {0}, {3, 0, 2}, {1}, {1, 1}, {7}, {33}, {130}, {5, 17}, {2, 3, 5}};
  return *kShapes;
}

bool divides(const CaseBuilder& b) { return is_int(b.dtype()) && (b.op() == Op::div || b.op() == Op::rem); }

/// The operands of the op at `shape`; operand i has access (first + i * step) of them all.
std::vector<Operand> operands_of(const CaseBuilder& b, const Shape& shape, int first, int step,
                                 Values values) {
  const int count = ir::operand_count(b.op());
  std::vector<Operand> operands;
  for (int i = 0; i < count; ++i) {
    Operand operand{b.TypeOf(shape)};
    if (b.op() == Op::select && i == 0) operand.type.dtype = DType::bool_;
    operand.access = static_cast<Access>((first + i * step) % kAccessCount);
    operand.values = divides(b) && i == 1 ? Values::nonzero : values;
    operands.push_back(std::move(operand));
  }
  return operands;
}

void add_all(CaseBuilder& b, const ir::Attributes& attributes) {
  for (const Shape& shape : shapes()) b.Add(operands_of(b, shape, 0, 0, Values::mixed), attributes);
  b.Add(operands_of(b, {300}, 0, 0, Values::domain), attributes);
  for (int access = 1; access < kAccessCount; ++access) {
    b.Add(operands_of(b, {5, 17}, access, 0, Values::mixed), attributes);
    if (ir::operand_count(b.op()) > 1) {
      b.Add(operands_of(b, {3, 4, 33}, access, 3, Values::mixed), attributes);
      b.Add(operands_of(b, {4, 65}, access, 5, Values::mixed), attributes);
    }
  }
}

ir::Array array_of(const ir::Type& type, const std::vector<ir::Literal>& elements) {
  ir::Array array = ir::Array::Zeros(type);
  const std::size_t size = byte_size(type.dtype);
  for (std::size_t i = 0; i < elements.size(); ++i) {
    std::memcpy(array.bytes.get() + i * size, elements[i].bytes.get(), size);
  }
  return array;
}

bool is_zero(const ir::Literal& x) {
  const ir::Array zero = ir::Array::Zeros(x.type);
  return std::memcmp(zero.bytes.get(), x.bytes.get(), byte_size(x.type.dtype)) == 0;
}

/// Each special value with each, in memory and as a constant, which the compiler may simplify.
void add_special_pairs(CaseBuilder& b) {
  const std::vector<ir::Literal> all = special_values(b.dtype());
  std::vector<ir::Literal> xs, ys;
  for (const ir::Literal& x : all) {
    for (const ir::Literal& y : all) {
      if (divides(b) && is_zero(y)) continue;
      xs.push_back(x);
      ys.push_back(y);
    }
  }
  const ir::Type type = b.TypeOf({static_cast<std::int64_t>(xs.size())});
  b.Add({{type, Access::dense, Values::mixed, array_of(type, xs)},
         {type, Access::dense, Values::mixed, array_of(type, ys)}});
  const ir::Type many = b.TypeOf({21});
  for (const ir::Literal& special : all) {
    const Operand constant{many, Access::constant, Values::mixed, array_of(b.TypeOf({}), {special})};
    b.Add(
        {{many, Access::dense, Values::specials}, constant});  // of an integer division by 0: the fault stays
    b.Add({constant, {many, Access::dense, divides(b) ? Values::nonzero : Values::specials}});
    b.Add({constant, constant});  // folded
  }
}

/// A zero among the divisors, wherever it stands, faults.
void add_faults(CaseBuilder& b) {
  for (const std::int64_t n : {1, 9, 130}) {
    const ir::Type type = b.TypeOf({n});
    ir::Array y = b.Array(type, Values::nonzero);
    const std::size_t size = byte_size(b.dtype());
    std::memset(y.bytes.get() + static_cast<std::size_t>(b.Pick(n)) * size, 0, size);
    b.Add({{type}, {type, Access::dense, Values::mixed, y}});
  }
  const ir::Type none = b.TypeOf({0});  // and no element does not
  b.Add({{none}, {none, Access::constant, Values::mixed, ir::Array::Zeros(b.TypeOf({}))}});
}

}  // namespace

void add_elementwise_cases(CaseBuilder& b) {
  if (b.info().family == ir::Family::convert) {
    for (int to = 0; to < kDTypeCount; ++to) {
      const auto dtype = static_cast<DType>(to);
      if (b.op() == Op::bitcast) {
        if (byte_size(dtype) != byte_size(b.dtype())) continue;
        if (dtype == DType::bool_ && b.dtype() != DType::bool_) continue;
      }
      const ir::Attributes attributes{{Attr::dtype, dtype}};
      for (const Shape& shape : shapes()) b.Add({{b.TypeOf(shape)}}, attributes);
      b.Add({{b.TypeOf({30}), Access::dense, Values::specials}}, attributes);
      b.Add({{b.TypeOf({400}), Access::dense, Values::domain}}, attributes);
      b.Add({{b.TypeOf({5, 17}), Access::transposed}}, attributes);
      b.Add({{b.TypeOf({5, 17}), Access::constant}}, attributes);
    }
    return;
  }
  add_all(b, {});
  b.Add(operands_of(b, {61}, 0, 0, Values::specials));
  if (ir::operand_count(b.op()) == 2) add_special_pairs(b);
  if (divides(b)) add_faults(b);
}

void add_source_cases(CaseBuilder& b) {
  switch (b.op()) {
    case Op::parameter:
      for (const Shape& shape : shapes()) {
        ir::Graph graph("parameter");
        graph.outputs = {graph.AddParameter("x", b.TypeOf(shape))};
        b.AddGraph(std::move(graph), {b.Array(b.TypeOf(shape), Values::mixed)}, shape.ToString());
      }
      return;
    case Op::constant:
      for (const Shape& shape : shapes()) {
        const ir::Array a = b.Array(b.TypeOf(shape), Values::mixed);
        b.Add({}, {{Attr::value, ir::make_literal(a.type, a.bytes.get())}});
      }
      return;
    case Op::iota:
      for (const Shape& shape : shapes()) {
        for (int axis = 0; axis < shape.rank(); ++axis) {
          b.Add({}, {{Attr::axis, std::int64_t{axis}}}, {b.TypeOf(shape)});
        }
      }
      b.Add({}, {{Attr::axis, std::int64_t{0}}}, {b.TypeOf({70000})});  // more than 16 bits can count
      return;
    case Op::random_bits:
      for (const Shape& shape : shapes()) {
        b.Add({{{DType::u64, {2}}}}, {}, {b.TypeOf(shape)});
        b.Add(
            {{{DType::u64, {2}}, Access::constant, Values::mixed, b.Array({DType::u64, {2}}, Values::mixed)}},
            {}, {b.TypeOf(shape)});
      }
      return;
    default: return;
  }
}

}  // namespace leat::testing
