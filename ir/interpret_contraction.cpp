// dot_general, as the exact contraction that `contractions=exact` promises.
//
// Each result element is one running value that starts at +0 and takes in the products one after another:
// acc = fma(x, y, acc), one rounding a step. The order is row-major over the contracting dimensions as
// contract_x lists them. f32 and f64 keep the running value in their own dtype; f16 and bf16 operands
// are widened to float, accumulated in float, and the result is rounded once. Integers wrap.
//
// The loop nest is k outside j, so that neighbours in a row of the result advance together; each of them
// still sees its products in order.
#include <algorithm>
#include <memory>

#include "ir/interpret_families.h"
#include "ir/multiply_add_row.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// The offsets of all elements of an operand over some of its dimensions, row-major in the order of `dims`.
std::vector<std::int64_t> list_offsets(const Shape& shape, const std::vector<std::int64_t>& dims) {
  const Strides strides = row_major_strides(shape.dims());
  Strides extents, steps;
  for (std::int64_t d : dims) {
    extents.push_back(shape[static_cast<std::size_t>(d)]);
    steps.push_back(strides[static_cast<std::size_t>(d)]);
  }
  std::vector<std::int64_t> offsets;
  offsets.reserve(static_cast<std::size_t>(product(extents, 0, extents.size())));
  for (Odometer<1> at(extents, {steps}); !at.done(); at.Next()) offsets.push_back(at.offset(0));
  return offsets;
}

std::vector<std::int64_t> list_free_dims(const Shape& shape, const std::vector<std::int64_t>& batch,
                                         const std::vector<std::int64_t>& contract) {
  std::vector<std::int64_t> dims;
  for (std::int64_t d = 0; d < shape.rank(); ++d) {
    if (std::count(batch.begin(), batch.end(), d) + std::count(contract.begin(), contract.end(), d) == 0) {
      dims.push_back(d);
    }
  }
  return dims;
}

/// One operand, seen as [batch, free, contracted].
struct Side {
  std::vector<std::int64_t> batch, free, contract;
  Side(const Shape& shape, const std::vector<std::int64_t>& batch_dims,
       const std::vector<std::int64_t>& contract_dims)
      : batch(list_offsets(shape, batch_dims)),
        free(list_offsets(shape, list_free_dims(shape, batch_dims, contract_dims))),
        contract(list_offsets(shape, contract_dims)) {}
};

template <class T>
void dot_general(const OpCall& call, const Side& x_side, const Side& y_side) {
  using A = Accumulator<T>;
  const T* x = call.in<T>(0);
  const T* y = call.in<T>(1);
  T* r = call.out<T>(0);
  const std::size_t columns = y_side.free.size(), depth = x_side.contract.size();
  std::vector<A> packed(depth * columns);  // one batch of y as [contracted, free], widened
  std::vector<A> acc(columns);
  for (std::size_t b = 0; b < x_side.batch.size(); ++b) {
    for (std::size_t k = 0; k < depth; ++k) {
      const T* from = y + y_side.batch[b] + y_side.contract[k];
      for (std::size_t j = 0; j < columns; ++j) packed[k * columns + j] = widen(from[y_side.free[j]]);
    }
    for (std::int64_t row : x_side.free) {
      const T* from = x + x_side.batch[b] + row;
      std::fill(acc.begin(), acc.end(), A(0));
      for (std::size_t k = 0; k < depth; ++k) {
        multiply_add_row(widen(from[x_side.contract[k]]), packed.data() + k * columns, acc.data(),
                         static_cast<std::int64_t>(columns));
      }
      for (std::size_t j = 0; j < columns; ++j) r[j] = round_to<T>(acc[j]);
      r += columns;
    }
  }
}

}  // namespace

Status interpret_contraction(const OpCall& call) {
  if (call.node.op == Op::convolution) return interpret_convolution(call);
  if (call.node.op == Op::attention) return interpret_attention(call);
  const Attributes& attrs = call.attrs();
  const Side x(call.shape(0), attrs.integers(Attr::batch_x), attrs.integers(Attr::contract_x));
  const Side y(call.shape(1), attrs.integers(Attr::batch_y), attrs.integers(Attr::contract_y));
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    if constexpr (std::is_same_v<T, bool>) {
      return Status(Code::invalid_argument, "dot_general: bool operands");
    } else {
      dot_general<T>(call, x, y);
      return {};
    }
  });
}

}  // namespace leat::ir
