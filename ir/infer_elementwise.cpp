// Elementwise ops: one shape, one dtype. This is on the path of every expression that a user builds
// (about 100 ns a node), so nothing is allocated beyond the result unless there is an error.
#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

std::size_t arity(Family family) {
  switch (family) {
    case Family::binary:
    case Family::compare: return 2;
    case Family::ternary:
    case Family::select: return 3;
    default: return 1;
  }
}

[[gnu::cold, gnu::noinline]] Status shapes_differ(const Request& r, const Type& a, const Type& b) {
  std::string where;
  if (a.shape.rank() != b.shape.rank()) {
    where = cat("rank ", a.shape.rank(), " against ", b.shape.rank());
  } else {
    std::size_t i = 0;
    while (i < a.shape.size() && match(a.shape[i], b.shape[i])) ++i;
    where = cat("dimension ", i, ": ", text(r, a.shape[i]), " against ", text(r, b.shape[i]));
  }
  return fail(r, Rule::one_shape, "operands must have one shape, got ", text(r, a), " and ", text(r, b), " (",
              where, ")");
}

Status check_convert(const Request& r, DType to) {
  if (r.info.op != Op::bitcast) return {};
  const DType from = r.x().dtype;
  if (byte_size(from) != byte_size(to)) {
    return fail(r, Rule::bitcast_width, "the dtypes must have one width, got ", leat::name(from), " (",
                8 * byte_size(from), " bits) and ", leat::name(to), " (", 8 * byte_size(to), " bits)");
  }
  if (to == DType::bool_ && from != DType::bool_) {
    return fail(r, Rule::bitcast_width, "the bits of ", leat::name(from), " are not a bool: compare with 0");
  }
  return {};
}

/// Checks the operands against `result`, which begins as the type of the first one that is computed with.
Status check_operands(const Request& r, std::size_t n, const Type& first, Type& result) {
  for (std::size_t i = 0; i < n; ++i) {
    const Type& operand = r.operands[i];
    if (&operand == &first) continue;
    const bool predicate = i == 0;  // only select has an operand before the first that it computes with
    if (!predicate && operand.dtype != first.dtype) return check_same_dtype(r, first, operand);
    if (operand.shape == first.shape) continue;
    if (operand.shape.rank() != first.shape.rank() || merge_shape(result.shape, operand.shape) >= 0) {
      // Against the merged type, for an unknown extent may have become known on the way.
      return shapes_differ(r, predicate ? operand : result, predicate ? result : operand);
    }
  }
  if (r.info.family == Family::compare || r.info.family == Family::classify) {
    result.dtype = DType::bool_;
  } else if (r.info.family == Family::convert) {
    const DType to = r.attributes.dtype(Attr::dtype);
    if (Status s = check_convert(r, to); !s.ok()) return s;
    result.dtype = to;
    return check_type(r, result);
  }
  return {};
}

/// One variable and one return, so that the result is built where the caller wants it.
StatusOr<Types> infer_from(const Request& r, std::size_t n, const Type& first) {
  StatusOr<Types> types(Types(1, first));
  if (Status s = check_operands(r, n, first, (*types)[0]); !s.ok()) types = std::move(s);
  return types;
}

}  // namespace

StatusOr<Types> infer_elementwise(const Request& r) {
  const std::size_t n = arity(r.info.family);
  if (r.operands.size() != n) return check_operand_count(r, n);
  const bool select = r.info.family == Family::select;
  if (select && r.x().dtype != DType::bool_) {
    return fail(r, Rule::predicate, "the first operand must be a bool, got ", text(r, r.x()));
  }
  const Type& first = r.operands[select ? 1 : 0];
  if (!accepts(r.info.types, first.dtype)) return check_types(r, first.dtype);
  return infer_from(r, n, first);
}

}  // namespace leat::ir
