// scatter_elements and scatter_nd: x with updates combined one after another, in row-major order of the
// updates, so that where several meet the last `set` wins and floating sums have one order. Each step
// reads, combines and rounds to the dtype, as the elementwise op of that name would: kind `add` on f16 is
// f16 addition, not a float sum rounded at the end. On bool, add, mul, min and max are or, and, and, or.
#include <cstring>

#include "ir/interpret_families.h"
#include "ir/read_indices.h"
#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

template <class T, class F>
void combine_run(T* to, const T* updates, std::int64_t count, F f) {
  for (std::int64_t i = 0; i < count; ++i) to[i] = round_to<T>(f(widen(to[i]), widen(updates[i])));
}

/// to[i] = kind(to[i], updates[i]) for a run of elements.
template <class T>
using Combine = void (*)(T* to, const T* updates, std::int64_t count);

template <class T>
Combine<T> find_combine(const std::string& kind) {
  using A = Accumulator<T>;
  if (kind == "set") {
    return [](T* to, const T* u, std::int64_t n) {
      std::memcpy(to, u, static_cast<std::size_t>(n) * sizeof(T));
    };
  }
  if (kind == "add") return [](T* to, const T* u, std::int64_t n) { combine_run(to, u, n, sum<A>); };
  if (kind == "mul") return [](T* to, const T* u, std::int64_t n) { combine_run(to, u, n, multiply<A>); };
  if (kind == "min") return [](T* to, const T* u, std::int64_t n) { combine_run(to, u, n, lesser_of<A>); };
  if (kind == "max") return [](T* to, const T* u, std::int64_t n) { combine_run(to, u, n, greater_of<A>); };
  return nullptr;
}

template <class T>
Status scatter_elements(const OpCall& call, Combine<T> combine) {
  const auto axis = static_cast<std::size_t>(call.attrs().integer(Attr::axis));
  const std::int64_t extent = call.shape(0)[axis];
  Strides strides = row_major_strides(call.shape(0).dims());
  const std::int64_t step = strides[axis];
  strides[axis] = 0;
  const Indices at(call.inputs[1], call.operands[1]);
  const T* updates = call.in<T>(2);
  T* to = call.out<T>(0);
  std::int64_t i = 0;
  for (Odometer<1> o(call.shape(2).dims(), {strides}); !o.done(); o.Next(), ++i) {
    if (at[i] < 0 || at[i] >= extent) {
      return index_fault(Op::scatter_elements, call.inputs[1], call.operands[1], i,
                         call.attrs().integer(Attr::axis), call.operands[0]);
    }
    combine(to + o.offset(0) + at[i] * step, updates + i, 1);
  }
  return {};
}

template <class T>
Status scatter_nd(const OpCall& call, Combine<T> combine) {
  const Shape& x = call.shape(0);
  const Shape& index_shape = call.shape(1);
  const auto depth = static_cast<std::size_t>(index_shape.back());
  const std::int64_t tuples = product(index_shape.dims(), 0, index_shape.size() - 1);
  const std::int64_t run = product(x.dims(), depth, x.size());
  const Strides strides = row_major_strides(x.dims());
  const Indices at(call.inputs[1], call.operands[1]);
  const T* updates = call.in<T>(2);
  T* to = call.out<T>(0);
  std::int64_t i = 0;
  for (std::int64_t t = 0; t < tuples; ++t) {
    std::int64_t offset = 0;
    for (std::size_t k = 0; k < depth; ++k, ++i) {
      if (at[i] < 0 || at[i] >= x[k]) {
        return index_fault(Op::scatter_nd, call.inputs[1], call.operands[1], i, static_cast<std::int64_t>(k),
                           call.operands[0]);
      }
      offset += at[i] * strides[k];
    }
    if (run > 0) combine(to + offset, updates + t * run, run);
  }
  return {};
}

}  // namespace

Status interpret_scatter(const OpCall& call) {
  const std::string& kind = call.attrs().string(Attr::kind);
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    const Combine<T> combine = find_combine<T>(kind);
    if (combine == nullptr) {
      return Status(Code::invalid_argument,
                    std::string(name(call.node.op)) + ": unknown kind \"" + kind + "\"");
    }
    const auto bytes = static_cast<std::size_t>(call.result_shape().num_elements()) * sizeof(T);
    if (bytes > 0) std::memcpy(call.outputs[0], call.inputs[0], bytes);
    return call.node.op == Op::scatter_nd ? scatter_nd<T>(call, combine) : scatter_elements<T>(call, combine);
  });
}

}  // namespace leat::ir
