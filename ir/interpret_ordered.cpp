// arg_max, arg_min and the running reductions: loops along one axis, in order.
//
// arg_max, arg_min: the first index of the extremum in the total order with -0 < +0. A NaN is the
// extremum, so the first NaN is the answer where there is one.
//
// cumulative_*: the running value starts as the first element and takes in one element at a time: add,
// mul, maximum or minimum. f16 and bf16 keep it in float and round each output once; the others keep it in
// their own dtype. `exclusive` gives the running value before the element: the identity (0, 1, the least,
// the greatest value) at the first place, then what the inclusive op gives one place earlier. `backward`
// starts at the end of the axis.
#include "ir/interpret_families.h"
#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// An axis as three nested extents: elements of one index along it lie `inner` apart.
struct Lines {
  std::int64_t outer, extent, inner;
  Lines(const Shape& shape, std::int64_t axis)
      : outer(product(shape.dims(), 0, static_cast<std::size_t>(axis))),
        extent(shape[static_cast<std::size_t>(axis)]),
        inner(product(shape.dims(), static_cast<std::size_t>(axis) + 1, shape.size())) {}
};

/// Whether x takes the place of `best` as the maximum (or the minimum).
template <class T>
bool beats(T x, T best, bool maximum) {
  if (is_nan(best)) return false;
  if (is_nan(x)) return true;
  return maximum ? order_key(x) > order_key(best) : order_key(x) < order_key(best);
}

template <class T>
void arg_reduce(const OpCall& call, const Lines& lines, bool maximum) {
  const T* x = call.in<T>(0);
  std::int64_t* best = call.out<std::int64_t>(0);
  for (std::int64_t o = 0; o < lines.outer; ++o, x += lines.extent * lines.inner, best += lines.inner) {
    for (std::int64_t i = 0; i < lines.inner; ++i) best[i] = 0;
    for (std::int64_t k = 1; k < lines.extent; ++k) {
      for (std::int64_t i = 0; i < lines.inner; ++i) {
        if (beats(x[k * lines.inner + i], x[best[i] * lines.inner + i], maximum)) best[i] = k;
      }
    }
  }
}

template <class T, class F>
void accumulate(const OpCall& call, const Lines& lines, Accumulator<T> identity, F f) {
  const bool exclusive = call.attrs().boolean(Attr::exclusive);
  const bool backward = call.attrs().boolean(Attr::backward);
  const T* x = call.in<T>(0);
  T* y = call.out<T>(0);
  // An array, for a vector of bool has no elements to point at.
  auto running = std::make_unique<Accumulator<T>[]>(static_cast<std::size_t>(lines.inner));
  const std::int64_t block = lines.extent * lines.inner;
  for (std::int64_t o = 0; o < lines.outer; ++o, x += block, y += block) {
    for (std::int64_t n = 0; n < lines.extent; ++n) {
      const std::int64_t at = (backward ? lines.extent - 1 - n : n) * lines.inner;
      for (std::int64_t i = 0; i < lines.inner; ++i) {
        const Accumulator<T> before = n == 0 ? identity : running[static_cast<std::size_t>(i)];
        const Accumulator<T> element = widen(x[at + i]);
        const Accumulator<T> after = n == 0 ? element : f(before, element);
        running[static_cast<std::size_t>(i)] = after;
        y[at + i] = round_to<T>(exclusive ? before : after);
      }
    }
  }
}

}  // namespace

Status interpret_arg_reduce(const OpCall& call) {
  const Lines lines(call.shape(0), call.attrs().integer(Attr::axis));
  if (lines.extent == 0 && lines.outer * lines.inner != 0) {
    return Status(Code::invalid_argument, std::string(name(call.node.op)) + ": no elements along the axis");
  }
  visit_dtype(call.operands[0].dtype,
              [&]<class T>(T) { arg_reduce<T>(call, lines, call.node.op == Op::arg_max); });
  return {};
}

Status interpret_cumulative(const OpCall& call) {
  const Lines lines(call.shape(0), call.attrs().integer(Attr::axis));
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    using A = Accumulator<T>;
    switch (call.node.op) {
      case Op::cumulative_sum: accumulate<T>(call, lines, A(0), sum<A>); return {};
      case Op::cumulative_prod: accumulate<T>(call, lines, A(1), multiply<A>); return {};
      case Op::cumulative_max: accumulate<T>(call, lines, least_value<A>(), greater_of<A>); return {};
      case Op::cumulative_min: accumulate<T>(call, lines, greatest_value<A>(), lesser_of<A>); return {};
      default: return Status(Code::internal, std::string(name(call.node.op)) + " is not a running reduction");
    }
  });
}

}  // namespace leat::ir
