// convolution: x [n, c, spatial...] with w [o, c / groups, spatial...], 1 to 3 spatial dimensions.
//
// Result element (n, o, p...) is one running value that starts at +0 and takes in fma(x, w, acc) in the
// order: channels within the group, then kernel positions row-major. Kernel position k along a dimension
// reads dilated input place p * stride - low + k * dilation; that place holds x at place / input_dilation
// if it divides, and is absent in the padding and in the holes of the input dilation. Absent terms are
// skipped. Dtypes as in dot_general. The kernel is not flipped (a cross-correlation, as everywhere).
#include <algorithm>
#include <array>

#include "ir/interpret_families.h"
#include "ir/multiply_add_row.h"

namespace leat::ir {
namespace {

constexpr std::size_t kSpatial = 3;  // lower ranks get leading spatial dimensions of extent 1

/// Which x coordinate result coordinate p reads at kernel position k along one dimension, or -1.
struct Taps {
  std::int64_t results = 1, kernel = 1, extent = 1;
  std::vector<std::int64_t> source{0};  // [kernel][results]
  bool unit_step = true;                // source goes up by 1 with p
  std::int64_t at(std::int64_t k, std::int64_t p) const {
    return source[static_cast<std::size_t>(k * results + p)];
  }
};

Taps list_taps(std::int64_t results, std::int64_t kernel, std::int64_t extent, std::int64_t stride,
               std::int64_t low, std::int64_t input_dilation, std::int64_t dilation) {
  Taps taps{results, kernel, extent, {}, stride == 1 && input_dilation == 1};
  taps.source.reserve(static_cast<std::size_t>(results * kernel));
  for (std::int64_t k = 0; k < kernel; ++k) {
    for (std::int64_t p = 0; p < results; ++p) {
      const std::int64_t place = p * stride - low + k * dilation;
      const bool there = place >= 0 && place % input_dilation == 0 && place / input_dilation < extent;
      taps.source.push_back(there ? place / input_dilation : -1);
    }
  }
  return taps;
}

using AllTaps = std::array<Taps, kSpatial>;

/// Rows brought together so that the multiply-add runs over dense ones.
template <class A>
struct Scratch {
  std::vector<A> x, acc;
  std::vector<std::int64_t> places;
};

/// acc[p] = fma(x[source of p], weight, acc[p]) for one kernel position along the minor dimension.
template <class A>
void tap_row(const Taps& taps, std::int64_t k, A weight, const A* x, A* acc, Scratch<A>& scratch) {
  if (taps.unit_step) {
    std::int64_t first = 0, past = taps.results;
    while (first < past && taps.at(k, first) < 0) ++first;
    while (past > first && taps.at(k, past - 1) < 0) --past;
    if (first < past) multiply_add_row(weight, x + taps.at(k, first), acc + first, past - first);
    return;
  }
  std::size_t n = 0;
  for (std::int64_t p = 0; p < taps.results; ++p) {
    const std::int64_t from = taps.at(k, p);
    if (from < 0) continue;
    scratch.x[n] = x[from];
    scratch.acc[n] = acc[p];
    scratch.places[n++] = p;
  }
  multiply_add_row(weight, scratch.x.data(), scratch.acc.data(), static_cast<std::int64_t>(n));
  for (std::size_t i = 0; i < n; ++i) acc[scratch.places[i]] = scratch.acc[i];
}

/// Adds one channel: all kernel positions of `w` over the channel plane `x`.
template <class A>
void tap_plane(const AllTaps& taps, const A* w, const A* x, A* acc, Scratch<A>& scratch) {
  const auto& [t0, t1, t2] = taps;
  for (std::int64_t k0 = 0; k0 < t0.kernel; ++k0) {
    for (std::int64_t k1 = 0; k1 < t1.kernel; ++k1) {
      for (std::int64_t k2 = 0; k2 < t2.kernel; ++k2, ++w) {
        for (std::int64_t p0 = 0; p0 < t0.results; ++p0) {
          const std::int64_t x0 = t0.at(k0, p0);
          if (x0 < 0) continue;
          for (std::int64_t p1 = 0; p1 < t1.results; ++p1) {
            const std::int64_t x1 = t1.at(k1, p1);
            if (x1 < 0) continue;
            tap_row(t2, k2, *w, x + (x0 * t1.extent + x1) * t2.extent,
                    acc + (p0 * t1.results + p1) * t2.results, scratch);
          }
        }
      }
    }
  }
}

template <class T>
void convolve(const OpCall& call, const AllTaps& taps) {
  using A = Accumulator<T>;
  const Shape& x_shape = call.shape(0);
  const Shape& w_shape = call.shape(1);
  const std::int64_t channels = x_shape[1], outputs = w_shape[0], group_channels = w_shape[1];
  const std::int64_t groups = call.attrs().integer(Attr::groups);
  std::int64_t plane = 1, kernel = 1, result_plane = 1;
  for (const Taps& t : taps) {
    plane *= t.extent;
    kernel *= t.kernel;
    result_plane *= t.results;
  }
  if (result_plane * outputs * x_shape[0] == 0) return;
  std::vector<A> w(static_cast<std::size_t>(outputs * group_channels * kernel));
  std::transform(call.in<T>(1), call.in<T>(1) + w.size(), w.begin(), widen<T>);
  std::vector<A> x(static_cast<std::size_t>(channels * plane));
  std::vector<A> acc(static_cast<std::size_t>(result_plane));
  const auto row = static_cast<std::size_t>(taps[kSpatial - 1].results);
  Scratch<A> scratch{std::vector<A>(row), std::vector<A>(row), std::vector<std::int64_t>(row)};
  T* r = call.out<T>(0);
  for (std::int64_t n = 0; n < x_shape[0]; ++n) {
    const T* image = call.in<T>(0) + n * channels * plane;
    std::transform(image, image + x.size(), x.begin(), widen<T>);
    for (std::int64_t o = 0; o < outputs; ++o) {
      const std::int64_t group = o / (outputs / groups);
      std::fill(acc.begin(), acc.end(), A(0));
      for (std::int64_t c = 0; c < group_channels; ++c) {
        tap_plane(taps, w.data() + (o * group_channels + c) * kernel,
                  x.data() + (group * group_channels + c) * plane, acc.data(), scratch);
      }
      r = std::transform(acc.begin(), acc.end(), r, round_to<T>);
    }
  }
}

}  // namespace

Status interpret_convolution(const OpCall& call) {
  const Attributes& attrs = call.attrs();
  const std::size_t spatial = call.shape(0).size() - 2;
  if (spatial < 1 || spatial > kSpatial) {
    return Status(Code::invalid_argument, "convolution: 1 to 3 spatial dimensions are supported");
  }
  AllTaps taps;
  for (std::size_t d = 0; d < spatial; ++d) {
    taps[kSpatial - spatial + d] =
        list_taps(call.result_shape()[d + 2], call.shape(1)[d + 2], call.shape(0)[d + 2],
                  attrs.integers(Attr::strides)[d], attrs.integers(Attr::low)[d],
                  attrs.integers(Attr::input_dilation)[d], attrs.integers(Attr::dilation)[d]);
  }
  return visit_dtype(call.node.type().dtype, [&]<class T>(T) -> Status {
    if constexpr (std::is_same_v<T, bool>) {
      return Status(Code::invalid_argument, "convolution: bool operands");
    } else {
      convolve<T>(call, taps);
      return {};
    }
  });
}

}  // namespace leat::ir
