// reduce_window: kind sum, max or min over sliding windows.
//
// Window position w of result element o reads x at o * stride - low + w * dilation in each dimension.
// Positions are taken in row-major order, one after another; those outside x (the padding) are skipped.
// The running value starts as the first element that is there; f16 and bf16 keep it in float and round
// once. A window with no element gives the identity: 0, the least or the greatest value.
//
// A row of results advances together, window position by window position: each of them still sees its
// elements in order. Each starts from a value that changes nothing: -0 for floating sums.
#include <algorithm>

#include "ir/interpret_families.h"
#include "ir/scalar_arithmetic.h"
#include "ir/strided_copy.h"

namespace leat::ir {
namespace {

/// One dimension of the window.
struct Slide {
  std::int64_t results, extent, window, stride, low, dilation;
  std::int64_t step;  // elements of x from one index to the next

  /// The window positions [first, past) that lie inside x for result coordinate o.
  std::pair<std::int64_t, std::int64_t> Inside(std::int64_t o) const {
    const std::int64_t at = o * stride - low;
    const std::int64_t first = at < 0 ? (-at + dilation - 1) / dilation : 0;
    const std::int64_t past = extent <= at ? 0 : std::min(window, (extent - 1 - at) / dilation + 1);
    return {first, std::max(first, past)};
  }
  /// The result coordinates [first, past) for which window position w lies inside x.
  std::pair<std::int64_t, std::int64_t> Reading(std::int64_t w) const {
    const std::int64_t at = w * dilation - low;
    const std::int64_t first = at < 0 ? (-at + stride - 1) / stride : 0;
    const std::int64_t past = extent <= at ? 0 : std::min(results, (extent - 1 - at) / stride + 1);
    return {first, std::max(first, past)};
  }
};

/// One window position along the minor dimension: results [first, past) read x at p * stride + at.
struct Position {
  std::int64_t first, past, at;
};

std::vector<Position> list_positions(const Slide& s) {
  std::vector<Position> positions;
  const std::int64_t room = s.extent - 1 + s.low;  // of w * dilation, if any result is to read inside
  const std::int64_t past_window = room < 0 ? 0 : std::min(s.window, room / s.dilation + 1);
  for (std::int64_t w = 0; w < past_window; ++w) {
    const auto [first, past] = s.Reading(w);
    if (first < past) positions.push_back({first, past, w * s.dilation - s.low});
  }
  return positions;
}

absl::InlinedVector<Slide, 6> list_slides(const OpCall& call) {
  const Attributes& attrs = call.attrs();
  const Strides steps = row_major_strides(call.shape(0).dims());
  absl::InlinedVector<Slide, 6> slides;
  for (std::size_t d = 0; d < steps.size(); ++d) {
    slides.push_back({call.result_shape()[d], call.shape(0)[d], attrs.integers(Attr::window)[d],
                      attrs.integers(Attr::strides)[d], attrs.integers(Attr::low)[d],
                      attrs.integers(Attr::dilation)[d], steps[d]});
  }
  if (slides.empty()) slides.push_back({1, 1, 1, 1, 0, 1, 1});  // rank 0: one element
  return slides;
}

/// What nothing adds up to (`identity`), and a start that leaves the first element as it is (`neutral`).
template <class A>
struct Start {
  A identity, neutral;
};

template <class T, class F>
void slide(const OpCall& call, Start<Accumulator<T>> start, F f) {
  if (call.result_shape().num_elements() == 0) return;
  absl::InlinedVector<Slide, 6> outer = list_slides(call);
  const Slide minor = outer.back();
  outer.pop_back();
  const std::vector<Position> positions = list_positions(minor);
  Strides extents, steps;  // of the result, and of the window, over the outer dimensions
  for (const Slide& s : outer) {
    extents.push_back(s.results);
    steps.push_back(s.dilation * s.step);
  }
  const T* x = call.in<T>(0);
  T* y = call.out<T>(0);
  const auto acc = std::make_unique<Accumulator<T>[]>(static_cast<std::size_t>(minor.results));
  Strides counts(outer.size());
  for (Odometer<0> o(extents, {}); !o.done(); o.Next(), y += minor.results) {
    std::int64_t base = 0;
    for (std::size_t d = 0; d < outer.size(); ++d) {
      const auto [first, past] = outer[d].Inside(o.index()[d]);
      counts[d] = past - first;
      base += (o.index()[d] * outer[d].stride - outer[d].low + first * outer[d].dilation) * outer[d].step;
    }
    const bool none = std::count(counts.begin(), counts.end(), 0) > 0;
    std::fill_n(acc.get(), minor.results, start.neutral);
    for (Odometer<1> w(counts, {steps}); !w.done(); w.Next()) {
      for (const Position& at : positions) {
        std::int64_t from = base + w.offset(0) + at.at + at.first * minor.stride;
        for (std::int64_t p = at.first; p < at.past; ++p, from += minor.stride) {
          acc[p] = f(acc[p], widen(x[from]));
        }
      }
    }
    for (std::int64_t p = 0; p < minor.results; ++p) {
      const auto [first, past] = minor.Inside(p);
      y[p] = round_to<T>(none || first == past ? start.identity : acc[p]);
    }
  }
}

}  // namespace

Status interpret_window(const OpCall& call) {
  const std::string& kind = call.attrs().string(Attr::kind);
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    using A = Accumulator<T>;
    if (kind == "sum") {
      slide<T>(call, {A(0), -A(0)}, [](A a, A b) { return sum(a, b); });
    } else if (kind == "max") {
      constexpr A kLeast = least_value<A>();
      slide<T>(call, {kLeast, kLeast}, [](A a, A b) { return greater_of(a, b); });
    } else if (kind == "min") {
      constexpr A kGreatest = greatest_value<A>();
      slide<T>(call, {kGreatest, kGreatest}, [](A a, A b) { return lesser_of(a, b); });
    } else {
      return Status(Code::invalid_argument, "reduce_window: unknown kind \"" + kind + "\"");
    }
    return {};
  });
}

}  // namespace leat::ir
