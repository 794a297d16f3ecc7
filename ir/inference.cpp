#include "ir/inference.h"

#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

StatusOr<Types> infer_family(const Request& r) {
  switch (r.info.family) {
    case Family::unary:
    case Family::binary:
    case Family::compare:
    case Family::ternary:
    case Family::classify:
    case Family::select:
    case Family::convert: return infer_elementwise(r);
    case Family::source: return infer_source(r);
    case Family::view: return infer_view(r);
    case Family::movement: return infer_movement(r);
    case Family::reduce:
    case Family::arg_reduce:
    case Family::cumulative:
    case Family::window: return infer_reduction(r);
    case Family::contraction: return infer_contraction(r);
    case Family::sorting: return infer_sorting(r);
    case Family::control: return infer_control(r);
  }
  __builtin_unreachable();
}

/// The result types as written agree with the inferred ones and may name what is unknown there.
Status merge_declared(const Request& r, Types& types) {
  if (r.declared.size() != types.size()) {
    return fail(r, Rule::declared_match, "has ", types.size(), types.size() == 1 ? " result" : " results",
                ", written with ", r.declared.size());
  }
  for (std::size_t i = 0; i < types.size(); ++i) {
    const Type& written = r.declared[i];
    Type merged = types[i];
    if (written.dtype != merged.dtype || written.shape.rank() != merged.shape.rank() ||
        merge_shape(merged.shape, written.shape) >= 0) {
      const std::string which = types.size() == 1 ? "the result type" : cat("the type of result ", i);
      return fail(r, Rule::declared_match, which, " is ", text(r, types[i]), ", written as ",
                  text(r, written));
    }
    types[i] = std::move(merged);
    if (Status s = check_type(r, types[i]); !s.ok()) return s;
  }
  return {};
}

}  // namespace

StatusOr<Types> infer(Op op, std::span<const Type> operands, const Attributes& attributes,
                      std::span<const Type> declared, std::span<const Symbol> symbols) {
  const Request r{op_info(op), operands, attributes, declared, symbols};
  if (!(attributes.empty() && r.info.attributes.empty())) {
    if (Status s = check_attributes(r); !s.ok()) return s;
  }
  if (declared.empty()) return infer_family(r);
  StatusOr<Types> types = infer_family(r);
  if (types.ok()) {
    if (Status s = merge_declared(r, *types); !s.ok()) return s;
  }
  return types;
}

}  // namespace leat::ir
