// Windows and Fourier transforms. A transform is a product with the matrix of its waves: for the lengths of
// audio frames that is as fast as a fast transform, and exact to the last bits.
#include <cmath>
#include <numbers>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

constexpr double kTau = 2 * std::numbers::pi;
constexpr std::int64_t kLongest = 8192;  // the matrix is this squared, where max_constant_bytes allow it

// sum of coefficients[k] * cos(2 pi k n / N).
Results window(Call& c, const std::vector<double>& coefficients) {
  const std::int64_t size = c.integer(std::size_t{0});
  if (size < 0) c.Fail("a size of ", size);
  c.Spend(static_cast<double>(size), sizeof(double));
  const std::int64_t period = c.flag("periodic", true) ? size : size - 1;
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(size));
  for (std::int64_t n = 0; n < size; ++n) {
    double v = 0;
    for (std::size_t k = 0; k < coefficients.size(); ++k) {
      v += coefficients[k] * std::cos(kTau * static_cast<double>(k) * static_cast<double>(n) /
                                      static_cast<double>(std::max<std::int64_t>(1, period)));
    }
    values.push_back(v);
  }
  return {astype(tensor(values), c.dtype_from(c.integer("output_datatype", 1)))};
}

struct Waves {
  Tensor cosine, sine;  // [length, bins]
};
Waves waves(Call& c, std::int64_t length, std::int64_t bins, bool inverse, DType dtype) {
  if (length < 1 || length > kLongest) c.Unsupported("a transform of length ", length);
  c.Spend(2.0 * static_cast<double>(length * bins), sizeof(double));
  std::vector<double> cosine, sine;
  cosine.reserve(static_cast<std::size_t>(length * bins));
  sine.reserve(static_cast<std::size_t>(length * bins));
  for (std::int64_t n = 0; n < length; ++n) {
    for (std::int64_t k = 0; k < bins; ++k) {
      const double angle = kTau * static_cast<double>(n * k % length) / static_cast<double>(length);
      const double size = inverse ? 1.0 / static_cast<double>(length) : 1;
      cosine.push_back(std::cos(angle) * size);
      sine.push_back((inverse ? 1 : -1) * std::sin(angle) * size);
    }
  }
  return {astype(tensor(cosine, {length, bins}), dtype), astype(tensor(sine, {length, bins}), dtype)};
}

// Along the last axis of the real and imaginary parts (which may be undefined): [..., bins, 2].
Tensor transformed(const Tensor& real, const Tensor& imaginary, const Waves& w) {
  Tensor re = matmul(real, w.cosine), im = matmul(real, w.sine);
  if (imaginary.defined()) {
    re = re - matmul(imaginary, w.sine);
    im = im + matmul(imaginary, w.cosine);
  }
  return stack({re, im}, -1);
}

Tensor part_of(const Tensor& x, std::int64_t part) {
  std::vector<Slice> parts(x.shape().size());
  parts.back() = Slice(part);
  return slice(x, parts);
}

// Cut or padded with zeros to a length.
Tensor fitted(const Tensor& x, std::int64_t length) {
  Integers low(x.shape().size(), 0), high(x.shape().size(), 0);
  high.back() = length - x.dim(-1);
  return high.back() == 0 ? x : pad(x, low, high);
}

}  // namespace

Results import_hann_window(Call& c) { return window(c, {0.5, -0.5}); }
Results import_hamming_window(Call& c) { return window(c, {25.0 / 46, -21.0 / 46}); }
Results import_blackman_window(Call& c) { return window(c, {0.42, -0.5, 0.08}); }

Results import_mel_weight_matrix(Call& c) {
  const std::int64_t bands = c.integer(std::size_t{0}), length = c.integer(std::size_t{1}),
                     rate = c.integer(std::size_t{2});
  const double low = c.real(std::size_t{3}), high = c.real(std::size_t{4});
  if (bands < 1 || length < 1 || rate < 1) c.Fail("sizes out of range");
  const std::int64_t bins = length / 2 + 1;
  c.Spend(static_cast<double>(bins) * static_cast<double>(bands), sizeof(double));
  const auto mel = [](double hertz) { return 2595 * std::log10(1 + hertz / 700); };
  const auto hertz = [](double m) { return 700 * (std::pow(10, m / 2595) - 1); };
  const double step = (mel(high) - mel(low)) / static_cast<double>(bands + 2);
  const auto edge = [&](std::int64_t i) {
    const double h = hertz(static_cast<double>(i) * step + mel(low));
    const double bin = std::floor(static_cast<double>(length + 1) * h / static_cast<double>(rate));
    if (!(std::abs(bin) < 1e15)) c.Fail("frequencies from ", low, " to ", high, " at a rate of ", rate);
    return static_cast<std::int64_t>(bin);
  };
  std::vector<double> m(static_cast<std::size_t>(bins * bands), 0);
  for (std::int64_t b = 0; b < bands; ++b) {
    const std::int64_t from = edge(b), peak = edge(b + 1), to = edge(b + 2);
    const auto put = [&](std::int64_t first, std::int64_t end, auto value) {
      for (std::int64_t j = std::max<std::int64_t>(0, first); j < std::min(end, bins); ++j) {
        m[static_cast<std::size_t>(j * bands + b)] = value(j);
      }
    };
    put(from, peak + 1, [&](std::int64_t j) {
      return peak == from ? 1 : static_cast<double>(j - from) / static_cast<double>(peak - from);
    });
    put(peak, to,
        [&](std::int64_t j) { return static_cast<double>(to - j) / static_cast<double>(to - peak); });
  }
  return {astype(tensor(m, {bins, bands}), c.dtype_from(c.integer("output_datatype", 1)))};
}

Results import_dft(Call& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2 || x.dim(-1) < 1 || x.dim(-1) > 2) c.Fail("takes [...,n,1 or 2], got ", type_text(x));
  const std::int64_t given =
      c.version() >= 20 ? (c.has(2) ? c.integer(std::size_t{2}) : -2) : c.integer("axis", 1);
  const int axis = c.normal_axis(given, x.rank()), last = x.rank() - 2;
  if (axis > last) c.Fail("axis ", axis, " holds the real and imaginary parts");
  const std::int64_t length = c.has(1) ? c.integer(std::size_t{1}) : x.dim(axis);
  const bool inverse = c.flag("inverse"), onesided = c.flag("onesided");
  const auto prepared = [&](std::int64_t part) {
    return fitted(swap_axes(part_of(x, part), axis, last), length);
  };
  const Waves w = waves(c, length, onesided ? length / 2 + 1 : length, inverse, x.dtype());
  return {swap_axes(transformed(prepared(0), x.dim(-1) == 2 ? prepared(1) : Tensor(), w), axis, last)};
}

Results import_stft(Call& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2 || x.rank() > 3) c.Fail("takes [batch,n,1 or 2], got ", type_text(x));
  const std::int64_t step = c.integer(std::size_t{1});
  const Tensor window = c.optional(2);
  if (!window.defined() && !c.has(3)) c.Fail("it needs a window or frame_length");
  const std::int64_t length = c.has(3) ? c.integer(std::size_t{3}) : window.num_elements();
  if (step < 1 || length < 1 || length > x.dim(1))
    c.Fail("frames of ", length, " every ", step, " of ", type_text(x));
  const std::int64_t frames = (x.dim(1) - length) / step + 1;
  const Tensor place = expand_dims(arange(frames) * step, 1) + expand_dims(arange(length), 0);
  const auto framed = [&](const Tensor& signal) {
    const Tensor f = gather(signal, place, 1);
    return window.defined() ? f * window : f;
  };
  const bool complex = x.rank() == 3 && x.dim(2) == 2;
  const Waves w = waves(c, length, c.flag("onesided", true) ? length / 2 + 1 : length, false, x.dtype());
  return {
      transformed(framed(x.rank() == 3 ? part_of(x, 0) : x), complex ? framed(part_of(x, 1)) : Tensor(), w)};
}

}  // namespace leat::onnx
