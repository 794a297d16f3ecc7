// Resize, Upsample, GridSample: each axis is a gather of 1, 2 or 4 neighbours with weights from the host.
#include <algorithm>
#include <cmath>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"

namespace leat::onnx {
namespace {

struct ResizeMode {
  std::string interpolation, coordinates, nearest;
  double cubic_a = -0.75, extrapolation = 0;
  bool exclude_outside = false, keep_ratio = false;
};

struct AxisResize {
  std::int64_t in = 1, out = 1;
  double scale = 1, roi_start = 0, roi_end = 1;
};

double original(const Call& c, const ResizeMode& m, const AxisResize& a, std::int64_t at) {
  const auto x = static_cast<double>(at), in = static_cast<double>(a.in), out = static_cast<double>(a.out);
  if (m.coordinates == "half_pixel") return (x + 0.5) / a.scale - 0.5;
  if (m.coordinates == "pytorch_half_pixel") return a.out > 1 ? (x + 0.5) / a.scale - 0.5 : 0;
  if (m.coordinates == "asymmetric") return x / a.scale;
  if (m.coordinates == "align_corners") return a.out > 1 ? x * (in - 1) / (a.scale * in - 1) : 0;
  if (m.coordinates == "tf_half_pixel_for_nn") return (x + 0.5) / a.scale;
  if (m.coordinates == "half_pixel_symmetric") {
    const double adjustment = out / (a.scale * in), center = in / 2;
    return center * (1 - adjustment) + (x + 0.5) / a.scale - 0.5;
  }
  if (m.coordinates == "tf_crop_and_resize") {
    return a.out > 1 ? a.roi_start * (in - 1) + x * (a.roi_end - a.roi_start) * (in - 1) / (out - 1)
                     : 0.5 * (a.roi_start + a.roi_end) * (in - 1);
  }
  c.Fail("coordinate_transformation_mode is \"", m.coordinates, "\"");
}

double rounded(const Call& c, const std::string& how, double x) {
  if (how == "round_prefer_floor") return std::ceil(x - 0.5);
  if (how == "round_prefer_ceil") return std::floor(x + 0.5);
  if (how == "floor") return std::floor(x);
  if (how == "ceil") return std::ceil(x);
  c.Fail("nearest_mode is \"", how, "\"");
}

// Weights of the neighbours at -1, 0, 1, 2 of a point `t` beyond the second (Keys, 1981).
std::array<double, 4> cubic_weights(double t, double a) {
  const auto near = [a](double d) { return ((a + 2) * d - (a + 3)) * d * d + 1; };
  const auto far = [a](double d) { return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a; };
  return {far(1 + t), near(t), near(1 - t), far(2 - t)};
}

Tensor resize_axis(Call& c, const ResizeMode& m, const Tensor& x, int axis, const AxisResize& a) {
  const std::size_t taps = m.interpolation == "nearest" ? 1 : m.interpolation == "linear" ? 2 : 4;
  c.Spend(static_cast<double>(a.out), taps * (sizeof(std::int64_t) + sizeof(double)) + 1);
  std::vector<Integers> index(taps);
  std::vector<std::vector<double>> weight(taps);
  std::vector<std::uint8_t> outside;
  const auto last = a.in - 1;
  for (std::int64_t o = 0; o < a.out; ++o) {
    const double at = original(c, m, a, o);
    outside.push_back(at < 0 || at > static_cast<double>(last) ? 1 : 0);
    std::array<double, 4> w{1, 0, 0, 0};
    const double floor = std::clamp(std::floor(at), -1e9, 1e9);
    auto first = static_cast<std::int64_t>(floor);
    if (taps == 1) {
      first = static_cast<std::int64_t>(std::clamp(rounded(c, m.nearest, at), -1e9, 1e9));
    } else if (taps == 2) {
      w = {1 - (at - floor), at - floor, 0, 0};
    } else {
      w = cubic_weights(at - floor, m.cubic_a);
      --first;
    }
    double total = 0;
    for (std::size_t t = 0; t < taps; ++t) {
      const std::int64_t i = first + static_cast<std::int64_t>(t);
      if (m.exclude_outside && taps == 4 && (i < 0 || i > last)) w[t] = 0;
      total += w[t];
    }
    for (std::size_t t = 0; t < taps; ++t) {
      index[t].push_back(std::clamp<std::int64_t>(first + static_cast<std::int64_t>(t), 0, last));
      weight[t].push_back(m.exclude_outside && taps == 4 ? w[t] / total : w[t]);
    }
  }
  Shape along;
  for (int d = 0; d < x.rank(); ++d) along.push_back(d == axis ? a.out : 1);
  Tensor y;
  for (std::size_t t = 0; t < taps; ++t) {
    Tensor part = gather(x, tensor(index[t]), axis);
    if (taps > 1) part = part * astype(reshape(tensor(weight[t]), along), x.dtype());
    y = y.defined() ? y + part : part;
  }
  if (m.coordinates == "tf_crop_and_resize" &&
      std::find(outside.begin(), outside.end(), 1) != outside.end()) {
    const Tensor mask = astype(reshape(tensor(outside), along), DType::bool_);
    y = where(mask, m.extrapolation, y);
  }
  return y;
}

Tensor resized(Call& c, const ResizeMode& m, const Tensor& x, const std::vector<AxisResize>& axes) {
  if (m.interpolation != "nearest" && m.interpolation != "linear" && m.interpolation != "cubic") {
    c.Fail("mode is \"", m.interpolation, "\"");
  }
  Tensor y = m.interpolation == "nearest" ? x : is_float(x.dtype()) ? widened(x) : astype(x, DType::f32);
  for (int d = 0; d < x.rank(); ++d) {
    const AxisResize& a = axes[static_cast<std::size_t>(d)];
    if (a.in == a.out && a.scale == 1 && m.coordinates != "tf_crop_and_resize") continue;
    if (a.in < 1) c.Fail("an empty axis of ", type_text(x), " cannot be resized");
    y = resize_axis(c, m, y, d, a);
  }
  if (is_int(x.dtype()) && y.dtype() != x.dtype()) y = round_even(y);
  return astype(y, x.dtype());
}

std::vector<AxisResize> by_scales(Call& c, const Tensor& x, const std::vector<double>& scales) {
  if (scales.size() != x.shape().size()) c.Fail(scales.size(), " scales for ", type_text(x));
  std::vector<AxisResize> axes;
  for (std::size_t d = 0; d < scales.size(); ++d) {
    if (!(scales[d] > 0 && scales[d] < 1e6)) c.Fail("a scale of ", scales[d]);
    const auto in = x.shape()[d];
    axes.push_back(
        {in, static_cast<std::int64_t>(std::floor(static_cast<double>(in) * scales[d])), scales[d], 0, 1});
  }
  return axes;
}

}  // namespace

Results import_upsample(Call& c) {
  const Tensor& x = c.input(0);
  ResizeMode m;
  m.interpolation = c.text("mode", "nearest");
  if (m.interpolation == "bilinear") m.interpolation = "linear";
  m.coordinates = "asymmetric";
  m.nearest = "floor";
  const std::vector<double> scales = c.version() >= 9 ? c.reals(1) : c.reals("scales");
  return {resized(c, m, x, by_scales(c, x, scales))};
}

Results import_resize(Call& c) {
  const Tensor& x = c.input(0);
  if (c.version() < 11) return import_upsample(c);
  ResizeMode m;
  m.interpolation = c.text("mode", "nearest");
  m.coordinates = c.text("coordinate_transformation_mode", "half_pixel");
  m.nearest = c.text("nearest_mode", "round_prefer_floor");
  m.cubic_a = c.real("cubic_coeff_a", -0.75);
  m.extrapolation = c.real("extrapolation_value", 0);
  m.exclude_outside = c.flag("exclude_outside");
  if (c.flag("antialias")) c.Unsupported("antialias = 1");
  if (c.text("keep_aspect_ratio_policy", "stretch") != "stretch") c.Unsupported("keep_aspect_ratio_policy");
  std::vector<int> which = c.normal_axes(c.integers("axes"), x.rank());
  if (which.empty()) {
    for (int d = 0; d < x.rank(); ++d) which.push_back(d);
  }
  std::vector<AxisResize> axes;
  const bool sized = c.has(3) && c.input(3).num_elements() > 0;
  if (sized) {
    const Integers sizes = c.integers(3);
    if (sizes.size() != which.size()) c.Fail(sizes.size(), " sizes for ", type_text(x));
    for (const std::int64_t extent : x.shape()) axes.push_back({extent, extent, 1, 0, 1});
    for (std::size_t i = 0; i < which.size(); ++i) {
      AxisResize& a = axes[static_cast<std::size_t>(which[i])];
      if (sizes[i] < 1) c.Fail("a size of ", sizes[i]);
      a.out = sizes[i];
      a.scale = static_cast<double>(a.out) / static_cast<double>(std::max<std::int64_t>(1, a.in));
    }
  } else {
    const std::vector<double> given = c.reals(2);
    if (given.size() != which.size()) c.Fail(given.size(), " scales for ", type_text(x));
    std::vector<double> scales(x.shape().size(), 1);
    for (std::size_t i = 0; i < which.size(); ++i) scales[static_cast<std::size_t>(which[i])] = given[i];
    axes = by_scales(c, x, scales);
  }
  if (m.coordinates == "tf_crop_and_resize") {
    const std::vector<double> roi = c.reals(1);
    if (roi.size() != 2 * which.size()) c.Fail("a region of ", roi.size(), " numbers for ", type_text(x));
    for (std::size_t i = 0; i < which.size(); ++i) {
      axes[static_cast<std::size_t>(which[i])].roi_start = roi[i];
      axes[static_cast<std::size_t>(which[i])].roi_end = roi[which.size() + i];
    }
  }
  return {resized(c, m, x, axes)};
}

namespace {

// Samples planes [n,c,h*w] at places in pixels; outside is 0 for "zeros".
class Sampler {
 public:
  Sampler(const Tensor& x, std::string padding, bool align_corners)
      : x_(x), padding_(std::move(padding)), align_(align_corners) {
    planes_ = reshape(x, {x.dim(0), x.dim(1), x.dim(2) * x.dim(3)});
  }

  // From [-1, 1] to pixels.
  Tensor Pixel(const Tensor& at, std::int64_t extent) const {
    const auto e = static_cast<double>(extent);
    return align_ ? (at + 1) * ((e - 1) / 2) : ((at + 1) * e - 1) / 2;
  }
  // Into the image, for the paddings that take every place from inside.
  Tensor Inside(const Tensor& at, std::int64_t extent) const {
    const auto e = static_cast<double>(extent);
    if (padding_ == "border") return clamp(at, 0, e - 1);
    if (padding_ != "reflection") return at;
    const double low = align_ ? 0 : -0.5, high = align_ ? e - 1 : e - 0.5, span = high - low;
    if (span <= 0) return at * 0;
    const Tensor from_low = abs(at - low), turns = floor(from_low / span), rest = from_low - turns * span;
    const Tensor odd = turns - floor(turns / 2) * 2;
    return clamp(where(odd == 0, rest + low, high - rest), 0, e - 1);
  }
  // The pixels at whole places [n,l].
  Tensor At(const Tensor& y, const Tensor& x) const {
    const std::int64_t h = x_.dim(2), w = x_.dim(3);
    const Tensor row = Inside(y, h), column = Inside(x, w);
    const Tensor there = (row >= 0) & (row <= static_cast<double>(h - 1)) & (column >= 0) &
                         (column <= static_cast<double>(w - 1));
    const Tensor safe_row = clamp(row, 0, static_cast<double>(h - 1)),
                 safe_column = clamp(column, 0, static_cast<double>(w - 1));
    const Tensor place = astype(safe_row, DType::i64) * w + astype(safe_column, DType::i64);
    const Shape wide{x_.dim(0), x_.dim(1), place.dim(1)};
    const Tensor pixels = gather_elements(planes_, broadcast_to(expand_dims(place, 1), wide), 2);
    return where(expand_dims(there, 1), pixels, 0);
  }

 private:
  Tensor x_, planes_;
  std::string padding_;
  bool align_;
};

}  // namespace

// Jaderberg and others, arXiv:1506.02025.
Results import_grid_sample(Call& c) {
  const Tensor &x = c.input(0), &grid = c.input(1);
  if (x.rank() != 4 || grid.rank() != 4 || grid.dim(3) != 2 || grid.dim(0) != x.dim(0)) {
    c.Unsupported("x ", type_text(x), " with a grid ", type_text(grid),
                  "; images [n,c,h,w] and [n,h,w,2] are");
  }
  const std::string mode = c.text("mode", c.version() >= 20 ? "linear" : "bilinear");
  const std::string padding = c.text("padding_mode", "zeros");
  if (padding != "zeros" && padding != "border" && padding != "reflection") {
    c.Fail("padding_mode is \"", padding, "\"");
  }
  const Sampler sampler(x, padding, c.flag("align_corners"));
  const std::int64_t points = grid.dim(1) * grid.dim(2);
  const Tensor flat = astype(reshape(grid, {x.dim(0), points, 2}), x.dtype());
  Tensor column = sampler.Pixel(slice(flat, {{}, {}, 0}), x.dim(3));
  Tensor row = sampler.Pixel(slice(flat, {{}, {}, 1}), x.dim(2));
  const auto channels = [](const Tensor& w) { return expand_dims(w, 1); };
  Tensor y;
  if (mode == "nearest") {
    y = sampler.At(round_even(sampler.Inside(row, x.dim(2))), round_even(sampler.Inside(column, x.dim(3))));
  } else if (mode == "bilinear" || mode == "linear") {
    row = sampler.Inside(row, x.dim(2));
    column = sampler.Inside(column, x.dim(3));
    const Tensor top = floor(row), left = floor(column);
    const Tensor down = channels(row - top), right = channels(column - left);
    y = sampler.At(top, left) * (1 - down) * (1 - right) + sampler.At(top, left + 1) * (1 - down) * right +
        sampler.At(top + 1, left) * down * (1 - right) + sampler.At(top + 1, left + 1) * down * right;
  } else if (mode == "bicubic" || mode == "cubic") {
    const Tensor top = floor(row), left = floor(column);
    const auto weights = [](const Tensor& t) {
      constexpr double kA = -0.75;
      const auto near = [](const Tensor& d) { return ((kA + 2) * d - (kA + 3)) * d * d + 1; };
      const auto far = [](const Tensor& d) { return ((kA * d - 5 * kA) * d + 8 * kA) * d - 4 * kA; };
      return std::array<Tensor, 4>{far(1 + t), near(t), near(1 - t), far(2 - t)};
    };
    const std::array<Tensor, 4> wy = weights(row - top), wx = weights(column - left);
    for (int i = 0; i < 4; ++i) {
      for (int j = 0; j < 4; ++j) {
        const Tensor part = sampler.At(top + (i - 1), left + (j - 1)) *
                            channels(wy[static_cast<std::size_t>(i)] * wx[static_cast<std::size_t>(j)]);
        y = y.defined() ? y + part : part;
      }
    }
  } else {
    c.Fail("mode is \"", mode, "\"");
  }
  return {reshape(y, {x.dim(0), x.dim(1), grid.dim(1), grid.dim(2)})};
}

}  // namespace leat::onnx
