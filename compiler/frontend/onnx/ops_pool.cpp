#include <algorithm>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

// Windows of a pool; with ceil_mode the last ones reach past the padding by `beyond`.
struct Pool {
  SpatialOptions o;
  Integers beyond;
  Integers extents;  // of the result
  WindowOptions Windows() const {
    Integers high = o.high;
    for (std::size_t d = 0; d < high.size(); ++d) high[d] += beyond[d];
    return {.strides = o.strides, .low = o.low, .high = high, .dilation = o.dilations};
  }
};

Pool pool_of(Call& c, const Tensor& x) {
  if (!c.has_attribute("kernel_shape")) c.Fail("attribute kernel_shape is missing");
  Pool p{spatial_options(c, x, {}), {}, {}};
  const bool ceil = c.flag("ceil_mode");
  for (std::size_t d = 0; d < p.o.kernel.size(); ++d) {
    if (p.o.kernel[d] < 1 || p.o.strides[d] < 1 || p.o.dilations[d] < 1) c.Fail("a window or stride below 1");
    const std::int64_t in = x.shape()[d + 2] + p.o.low[d] + p.o.high[d];
    const std::int64_t room = in - (p.o.dilations[d] * (p.o.kernel[d] - 1) + 1);
    if (room < 0) c.Fail("the window is larger than spatial axis ", d, " of ", type_text(x));
    std::int64_t steps = room / p.o.strides[d];
    // A window that would begin in the padding at the end is no window.
    if (ceil && room % p.o.strides[d] != 0 && (steps + 1) * p.o.strides[d] < x.shape()[d + 2] + p.o.low[d]) {
      ++steps;
    }
    p.beyond.push_back(std::max<std::int64_t>(0, steps * p.o.strides[d] - room));
    p.extents.push_back(steps + 1);
  }
  return p;
}

// For every position of the result and every element of its window, which element of the flat spatial axes;
// -1 in the padding.
struct Taps {
  Integers index;  // [positions, window]
  std::int64_t positions = 1, window = 1;
};
Taps taps_of(Call& c, const Pool& p, const Tensor& x) {
  Taps t;
  double taps = 1;
  for (const std::int64_t e : p.extents) taps *= static_cast<double>(e);
  for (const std::int64_t k : p.o.kernel) taps *= static_cast<double>(k);
  c.Spend(taps, sizeof(std::int64_t));
  for (const std::int64_t e : p.extents) t.positions *= e;
  for (const std::int64_t k : p.o.kernel) t.window *= k;
  t.index.reserve(static_cast<std::size_t>(t.positions * t.window));
  const std::size_t n = p.extents.size();
  for (std::int64_t position = 0; position < t.positions; ++position) {
    for (std::int64_t tap = 0; tap < t.window; ++tap) {
      std::int64_t flat = 0, stride = 1, a = position, b = tap;
      for (std::size_t d = n; d-- > 0;) {
        const std::int64_t extent = x.shape()[d + 2];
        const std::int64_t at =
            a % p.extents[d] * p.o.strides[d] - p.o.low[d] + b % p.o.kernel[d] * p.o.dilations[d];
        flat = flat < 0 || at < 0 || at >= extent ? -1 : flat + at * stride;
        stride *= extent;
        a /= p.extents[d];
        b /= p.o.kernel[d];
      }
      t.index.push_back(flat);
    }
  }
  return t;
}

// The place of each maximum in x as a flat array.
Tensor max_indices(Call& c, const Pool& p, const Tensor& x) {
  const Taps t = taps_of(c, p, x);
  const Shape& s = x.shape();
  std::int64_t spatial = 1;
  for (std::size_t d = 2; d < s.size(); ++d) spatial *= s[d];
  const Tensor index = tensor(t.index, {t.positions, t.window});
  const Tensor inside = index >= 0;
  const Tensor seen = gather(reshape(x, {s[0], s[1], spatial}), maximum(index, 0), 2);
  const Tensor w = is_float(x.dtype()) ? widened(seen) : astype(seen, DType::f64);
  const Tensor best = argmax(where(inside, w, -std::numeric_limits<double>::infinity()), 3, true);
  Tensor place = squeeze(gather_elements(broadcast_to(index, seen.shape()), best, 3), 3);
  if (c.integer("storage_order", 0) == 1) {  // the spatial axes column by column
    Tensor columns = zeros(place.shape(), DType::i64);
    std::int64_t row_stride = spatial, column_stride = 1;
    for (std::size_t d = 2; d < s.size(); ++d) {
      row_stride /= s[d];
      columns = columns + place / row_stride % s[d] * column_stride;
      column_stride *= s[d];
    }
    place = columns;
  }
  const Tensor planes = reshape(arange(s[0] * s[1]) * spatial, {s[0], s[1], 1});
  Shape out{s[0], s[1]};
  for (const std::int64_t e : p.extents) out.push_back(e);
  return reshape(place + planes, out);
}

bool any_positive(const Integers& list) {
  return std::any_of(list.begin(), list.end(), [](std::int64_t v) { return v > 0; });
}

}  // namespace

Results import_average_pool(Call& c) {
  const Tensor& x = c.input(0);
  const Pool p = pool_of(c, x);
  const bool count_padding = c.flag("count_include_pad");
  if (!count_padding || !any_positive(p.beyond)) {
    return {avg_pool(x, p.o.kernel, p.Windows(), count_padding)};
  }
  // What ceil_mode adds beyond the padding is not counted: the padding becomes elements.
  Integers low = p.o.low, high = p.o.high;
  low.insert(low.begin(), 2, 0);
  high.insert(high.begin(), 2, 0);
  WindowOptions windows = p.Windows();
  windows.low.assign(p.beyond.size(), 0);
  windows.high = p.beyond;
  return {avg_pool(pad(x, low, high), p.o.kernel, windows, false)};
}

Results import_max_pool(Call& c) {
  const Tensor& x = c.input(0);
  const Pool p = pool_of(c, x);
  Results r{max_pool(x, p.o.kernel, p.Windows())};
  if (c.wants(1)) r.push_back(max_indices(c, p, x));
  return r;
}

Results import_global_average_pool(Call& c) { return {global_avg_pool(c.input(0))}; }
Results import_global_max_pool(Call& c) { return {global_max_pool(c.input(0))}; }

Results import_lp_pool(Call& c) {
  const Tensor& x = c.input(0);
  const Pool p = pool_of(c, x);
  const double power = static_cast<double>(c.integer("p", 2));
  double count = 1;
  for (const std::int64_t k : p.o.kernel) count *= static_cast<double>(k);
  return {pow(avg_pool(pow(abs(x), power), p.o.kernel, p.Windows(), true) * count, 1 / power)};
}

Results import_global_lp_pool(Call& c) {
  const Tensor& x = c.input(0);
  const double power = static_cast<double>(c.integer("p", 2));
  std::vector<int> axes;
  for (int d = 2; d < x.rank(); ++d) axes.push_back(d);
  if (axes.empty()) c.Fail("takes [n,c,spatial...], got ", type_text(x));
  return {pow(sum(pow(abs(x), power), axes, true), 1 / power)};
}

Results import_max_unpool(Call& c) {
  const Tensor &x = c.input(0), &indices = c.input(1);
  Integers extents(x.shape().begin(), x.shape().end());
  const SpatialOptions o = spatial_options(c, x, {});
  for (std::size_t d = 0; d < o.kernel.size(); ++d) {
    extents[d + 2] = (x.shape()[d + 2] - 1) * o.strides[d] + o.kernel[d] - o.low[d] - o.high[d];
  }
  const Shape natural = c.shape_of(extents), out = c.has(2) ? c.shape_of(c.integers(2)) : natural;
  if (out.rank() != x.rank()) c.Fail("output_shape ", out.ToString(), " for ", type_text(x));
  Tensor place = reshape(astype(indices, DType::i64), {-1});
  if (!(out == natural)) {  // indices are of the natural size; the result may be larger
    Tensor moved = zeros(place.shape(), DType::i64);
    std::int64_t from = 1, to = 1;
    for (std::size_t d = out.size(); d-- > 0;) {
      moved = moved + place / from % natural[d] * to;
      from *= natural[d];
      to *= out[d];
    }
    place = moved;
  }
  const Tensor flat = zeros({out.num_elements()}, x.dtype());
  return {reshape(scatter_elements(flat, place, reshape(x, {-1}), 0), out)};
}

// Bilinear samples of regions (He and others, arXiv:1703.06870).
Results import_roi_align(Call& c) {
  const Tensor &x = c.input(0), &rois = c.input(1);
  if (x.rank() != 4 || rois.rank() != 2 || rois.dim(1) != 4) {
    c.Fail("x [n,c,h,w] and regions [r,4], got ", type_text(x), " and ", type_text(rois));
  }
  const std::int64_t height = c.integer("output_height", 1), width = c.integer("output_width", 1);
  const std::int64_t samples = c.integer("sampling_ratio", 0), count = rois.dim(0);
  for (const std::int64_t n : {height, width, samples}) {
    if (n < 0 || n > (1 << 20)) c.Fail("regions of ", height, " x ", width, " with ", samples, " samples");
  }
  if (samples < 1) c.Unsupported("sampling_ratio 0, a number of samples that depends on each region");
  if (height < 1 || width < 1 || samples > 1024) c.Fail("an output of ", height, " x ", width);
  const double scale = c.real("spatial_scale", 1);
  const bool half = c.text("coordinate_transformation_mode",
                           c.version() >= 16 ? "half_pixel" : "output_half_pixel") == "half_pixel";
  const double shift = half ? 0.5 : 0;
  const Shape& s = x.shape();
  struct Line {
    Tensor low, high, weight, inside;  // [r, cells * samples]
  };
  const auto line = [&](int first, std::int64_t cells, std::int64_t extent) {
    const Tensor from = slice(rois, {{}, first}) * scale - shift,
                 to = slice(rois, {{}, first + 2}) * scale - shift;
    const Tensor span = half ? to - from : maximum(to - from, 1);
    const Tensor offset =
        (astype(arange(cells * samples), rois.dtype()) + 0.5) / static_cast<double>(samples);
    const Tensor at =
        expand_dims(from, 1) + expand_dims(span / static_cast<double>(cells), 1) * expand_dims(offset, 0);
    const auto last = static_cast<double>(extent - 1);
    const Tensor inside = (at >= -1) & (at <= static_cast<double>(extent));
    const Tensor clamped = minimum(maximum(at, 0), last);
    const Tensor low = floor(clamped);
    return Line{astype(low, DType::i64), astype(minimum(low + 1, last), DType::i64), clamped - low, inside};
  };
  const Line y = line(1, height, s[2]), w = line(0, width, s[3]);
  const std::int64_t rows = height * samples, columns = width * samples;
  // Planes of the region's image: [r, c, h * w].
  const Tensor planes = gather(reshape(x, {s[0], s[1], s[2] * s[3]}), astype(c.input(2), DType::i64), 0);
  const auto sample = [&](const Tensor& row, const Tensor& column) {
    const Tensor place =
        reshape(expand_dims(row, 2) * s[3] + expand_dims(column, 1), {count, 1, rows * columns});
    const Tensor wide = broadcast_to(place, {count, s[1], rows * columns});
    return reshape(gather_elements(planes, wide, 2), {count, s[1], rows, columns});
  };
  const Tensor down = reshape(y.weight, {count, 1, rows, 1}),
               right = reshape(w.weight, {count, 1, 1, columns});
  const Tensor a = sample(y.low, w.low), b = sample(y.low, w.high), d = sample(y.high, w.low),
               e = sample(y.high, w.high);
  const bool average = c.text("mode", "avg") == "avg";
  const Tensor wa = (1 - down) * (1 - right), wb = (1 - down) * right, wd = down * (1 - right),
               we = down * right;
  Tensor value =
      average ? a * wa + b * wb + d * wd + e * we : maximum(maximum(a * wa, b * wb), maximum(d * wd, e * we));
  const Tensor inside = reshape(y.inside, {count, 1, rows, 1}) & reshape(w.inside, {count, 1, 1, columns});
  value = reshape(where(inside, value, 0), {count, s[1], height, samples, width, samples});
  return {average ? mean(value, {3, 5}) : max(value, {3, 5})};
}

}  // namespace leat::onnx
