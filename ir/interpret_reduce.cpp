// The reductions over dims: which elements of the operand make up each result element. In what order
// they join is the business of ir/meaning/reduction.h.
#include <algorithm>

#include "ir/interpret_families.h"
#include "ir/meaning/reduction.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// The reduced elements of one result, numbered row-major over the reduced dimensions: where number i is,
/// relative to number 0. One stride where the dimensions are adjacent, a table where they are not.
struct ReducedElements {
  std::int64_t count = 1, stride = 1;
  std::vector<std::int64_t> table;  // empty: i * stride
  std::int64_t operator[](std::int64_t i) const {
    return table.empty() ? i * stride : table[static_cast<std::size_t>(i)];
  }
};

ReducedElements list_elements(const Strides& extents, const Strides& strides) {
  ReducedElements elements;
  elements.count = product(extents, 0, extents.size());
  if (extents.empty() || elements.count == 0) return elements;
  elements.stride = strides.back();
  bool adjacent = true;
  for (std::size_t d = 1; d < extents.size(); ++d) {
    adjacent = adjacent && strides[d - 1] == strides[d] * extents[d];
  }
  if (!adjacent) {
    elements.table.reserve(static_cast<std::size_t>(elements.count));
    for (Odometer<1> at(extents, {strides}); !at.done(); at.Next()) elements.table.push_back(at.offset(0));
  }
  return elements;
}

template <Op op, class S>
void reduce_all(const OpCall& call) {
  const Shape& x_shape = call.shape(0);
  const std::vector<std::int64_t>& dims = call.attrs().integers(Attr::dims);
  const Strides x_strides = row_major_strides(x_shape.dims());
  Strides extents, strides, kept_extents, kept_strides;
  for (std::size_t d = 0; d < x_shape.size(); ++d) {
    const bool reduced = std::count(dims.begin(), dims.end(), static_cast<std::int64_t>(d)) > 0;
    (reduced ? extents : kept_extents).push_back(x_shape[d]);
    (reduced ? strides : kept_strides).push_back(x_strides[d]);
  }
  if (call.result_shape().num_elements() == 0) return;
  const meaning::ReductionOrder order = meaning::reduction_order(x_shape.rank(), dims);
  const ReducedElements elements = list_elements(extents, strides);
  S* y = call.out<S>(0);
  for (Odometer<1> at(kept_extents, {kept_strides}); !at.done(); at.Next()) {
    const S* x = call.in<S>(0) + at.offset(0);
    *y++ = meaning::reduce<op, S>(order, elements.count, [&](std::int64_t i) { return x[elements[i]]; });
  }
}

/// Whether the table's type rule lets reduction `op` have elements S.
template <Op op, class S>
constexpr bool takes() {
  if constexpr (op == Op::reduce_sum || op == Op::reduce_prod) return !std::is_same_v<S, bool>;
  if constexpr (op == Op::reduce_and || op == Op::reduce_or) return std::is_integral_v<S>;
  return true;
}

template <Op op>
Status reduce_any(const OpCall& call) {
  return visit_dtype(call.node.type().dtype, [&]<class S>(S) -> Status {
    if constexpr (takes<op, S>()) {
      reduce_all<op, S>(call);
      return {};
    } else {
      return Status(Code::invalid_argument, std::string(name(op)) + " does not take " +
                                                std::string(leat::name(call.node.type().dtype)));
    }
  });
}

}  // namespace

Status interpret_reduce(const OpCall& call) {
  switch (call.node.op) {
    case Op::reduce_sum: return reduce_any<Op::reduce_sum>(call);
    case Op::reduce_prod: return reduce_any<Op::reduce_prod>(call);
    case Op::reduce_max: return reduce_any<Op::reduce_max>(call);
    case Op::reduce_min: return reduce_any<Op::reduce_min>(call);
    case Op::reduce_and: return reduce_any<Op::reduce_and>(call);
    case Op::reduce_or: return reduce_any<Op::reduce_or>(call);
    default: return Status(Code::internal, std::string(name(call.node.op)) + " is not a reduction");
  }
}

}  // namespace leat::ir
