// What the generators of conformance cases are made of: operands of every shape, access and value.
//
// A CaseBuilder lives for one op at one dtype and collects its cases. One thread.
//
//   CaseBuilder b(Op::add, DType::f32);
//   b.Add({{{DType::f32, {5, 17}}, Access::transposed}, {{DType::f32, {5, 17}}}});
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "tests/conformance/op_cases.h"

namespace leat::testing {

using Dims = std::vector<std::int64_t>;

/// How an operand lies in the memory of the parameter that it comes from.
enum class Access : std::uint8_t { dense, transposed, reversed, sliced, repeated, leading, scalar, constant };
inline constexpr int kAccessCount = 8;

enum class Values : std::uint8_t {
  mixed,     // one in four is a special value, one in four has random bits
  domain,    // from the domain of the op alone
  nonzero,   // mixed, but no integer zero
  specials,  // only special values, in turn
};

struct Operand {
  ir::Type type;
  Access access = Access::dense;
  Values values = Values::mixed;
  std::optional<ir::Array> given{};  // these elements; the access is dense or constant
};

class CaseBuilder {
 public:
  CaseBuilder(ir::Op op, DType dtype);

  ir::Op op() const { return info_.op; }
  const ir::OpInfo& info() const { return info_; }
  DType dtype() const { return dtype_; }
  std::mt19937_64& random() { return random_; }
  std::int64_t Pick(std::int64_t n) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(n));
  }

  /// A case: the op on these operands. What inference refuses is remembered as the rejection.
  void Add(const std::vector<Operand>& operands, ir::Attributes attributes = {},
           std::vector<ir::Type> declared = {});
  /// A case made elsewhere.
  void AddGraph(ir::Graph graph, std::vector<ir::Array> inputs, std::string what);

  ir::Type TypeOf(const Shape& shape) const { return {dtype_, shape}; }
  /// Indices in [0, below); `wrong`: one of them is just outside.
  Operand Indices(DType dtype, const Shape& shape, std::int64_t below, bool wrong = false);
  /// A constant or a parameter of one integer.
  Operand Integer(DType dtype, std::int64_t value, Access access = Access::dense);
  ir::Array Array(const ir::Type& type, Values values);
  OpCases Take() { return std::move(cases_); }

 private:
  ir::Value AddOperand(ir::Graph& graph, const Operand& operand, std::vector<ir::Array>& inputs);

  const ir::OpInfo& info_;
  const DType dtype_;
  std::mt19937_64 random_;
  OpCases cases_;
};

/// The values that break things: zeros, infinities, NaN, subnormals, extremes, halves; for a bool both.
std::vector<ir::Literal> special_values(DType dtype);

// The generators, one per family of the op table.
void add_elementwise_cases(CaseBuilder& b);
void add_source_cases(CaseBuilder& b);
void add_view_cases(CaseBuilder& b);
void add_movement_cases(CaseBuilder& b);
void add_reduce_cases(CaseBuilder& b);
void add_ordered_cases(CaseBuilder& b);
void add_contraction_cases(CaseBuilder& b);
void add_control_cases(CaseBuilder& b);

}  // namespace leat::testing
