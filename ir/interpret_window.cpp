// reduce_window: kind sum, max or min over sliding windows.
//
// Window position w of result element o reads x at o * stride - low + w * dilation in each dimension.
// Positions are taken in row-major order, one after another; those outside x (the padding) are skipped.
// The running value starts as the first element that is there; f16 and bf16 keep it in float and round
// once. A window with no element gives the identity: 0, the least or the greatest value.
#include <algorithm>

#include "ir/interpret_families.h"
#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// The window along one dimension for one result coordinate: `count` positions inside x.
struct Reach {
  std::int64_t start;  // the offset of the first in x, in elements
  std::int64_t count;
};

/// Per result coordinate, the positions w with 0 <= at + w * dilation < extent, where at = o * stride - low.
std::vector<Reach> list_reaches(std::int64_t results, std::int64_t extent, std::int64_t window,
                                std::int64_t stride, std::int64_t low, std::int64_t dilation,
                                std::int64_t x_stride) {
  std::vector<Reach> reaches(static_cast<std::size_t>(results));
  for (std::int64_t o = 0; o < results; ++o) {
    const std::int64_t at = o * stride - low;
    const std::int64_t first = at < 0 ? (-at + dilation - 1) / dilation : 0;
    const std::int64_t past = extent <= at ? 0 : std::min(window, (extent - 1 - at) / dilation + 1);
    reaches[static_cast<std::size_t>(o)] = {(at + first * dilation) * x_stride,
                                            std::max<std::int64_t>(past - first, 0)};
  }
  return reaches;
}

template <class T, class F>
void slide(const OpCall& call, Accumulator<T> identity, F f) {
  const Shape& x_shape = call.shape(0);
  const Shape& shape = call.result_shape();
  const std::size_t rank = shape.size();
  const Attributes& attrs = call.attrs();
  const std::vector<std::int64_t>& dilation = attrs.integers(Attr::dilation);
  Strides steps = row_major_strides(x_shape.dims());  // from one window position to the next
  std::vector<std::vector<Reach>> reaches(rank);
  for (std::size_t d = 0; d < rank; ++d) {
    reaches[d] =
        list_reaches(shape[d], x_shape[d], attrs.integers(Attr::window)[d], attrs.integers(Attr::strides)[d],
                     attrs.integers(Attr::low)[d], dilation[d], steps[d]);
    steps[d] *= dilation[d];
  }
  const T* x = call.in<T>(0);
  T* y = call.out<T>(0);
  Strides counts(rank, 1);
  for (Odometer<0> o(shape.dims(), {}); !o.done(); o.Next(), ++y) {
    std::int64_t start = 0;
    for (std::size_t d = 0; d < rank; ++d) {
      const Reach& reach = reaches[d][static_cast<std::size_t>(o.index()[d])];
      start += reach.start;
      counts[d] = reach.count;
    }
    bool any = false;
    Accumulator<T> value = identity;
    for (Odometer<1> w(counts, {steps}); !w.done(); w.Next()) {
      const Accumulator<T> element = widen(x[start + w.offset(0)]);
      value = any ? f(value, element) : element;
      any = true;
    }
    *y = round_to<T>(value);
  }
}

}  // namespace

Status interpret_window(const OpCall& call) {
  const std::string& kind = call.attrs().string(Attr::kind);
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    using A = Accumulator<T>;
    if (kind == "sum") {
      slide<T>(call, A(0), sum<A>);
    } else if (kind == "max") {
      slide<T>(call, least_value<A>(), greater_of<A>);
    } else if (kind == "min") {
      slide<T>(call, greatest_value<A>(), lesser_of<A>);
    } else {
      return Status(Code::invalid_argument, "reduce_window: unknown kind \"" + kind + "\"");
    }
    return {};
  });
}

}  // namespace leat::ir
