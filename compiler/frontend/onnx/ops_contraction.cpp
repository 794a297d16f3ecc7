#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {

Results import_matmul(Call& c) { return {matmul(c.input(0), c.input(1))}; }

Results import_gemm(Call& c) {
  const Tensor a = c.flag("transA") ? transpose(c.input(0)) : c.input(0);
  const Tensor b = c.flag("transB") ? transpose(c.input(1)) : c.input(1);
  const double alpha = c.real("alpha", 1), beta = c.real("beta", 1);
  Tensor y = matmul(a, b);
  if (alpha != 1) y = is_float(y.dtype()) ? y * alpha : y * static_cast<std::int64_t>(alpha);
  if (!c.has(2) || beta == 0) return {y};
  const Tensor& bias = c.input(2);
  if (beta == 1) return {y + bias};
  return {y + (is_float(y.dtype()) ? bias * beta : bias * static_cast<std::int64_t>(beta))};
}

Results import_einsum(Call& c) { return {einsum(c.text("equation", ""), c.inputs())}; }

namespace {

/// An attribute of windows: `count` numbers of at most 2^24, either way.
Integers window_numbers(const Call& c, std::string_view name, std::size_t count, std::int64_t fallback) {
  Integers list = c.integers(name);
  if (list.empty()) list.assign(count, fallback);
  if (list.size() != count)
    c.Fail("attribute ", std::string(name), " has ", list.size(), " entries, not ", count);
  for (const std::int64_t v : list) {
    if (v < -(1 << 24) || v > (1 << 24)) c.Fail("attribute ", std::string(name), " has an entry ", v);
  }
  return list;
}

}  // namespace

SpatialOptions spatial_options(Call& c, const Tensor& x, Integers kernel) {
  const std::size_t n = x.rank() < 3 ? 0 : static_cast<std::size_t>(x.rank() - 2);
  if (n == 0) c.Fail("takes [n,c,spatial...], got ", type_text(x));
  SpatialOptions o;
  const auto listed = [&](std::string_view name, std::size_t count, std::int64_t fallback) {
    return window_numbers(c, name, count, fallback);
  };
  o.kernel = kernel.empty() ? listed("kernel_shape", n, 1) : std::move(kernel);
  if (o.kernel.size() != n) c.Fail("a window of rank ", o.kernel.size(), " for ", type_text(x));
  o.strides = listed("strides", n, 1);
  o.dilations = listed("dilations", n, 1);
  const Integers pads = listed("pads", 2 * n, 0);
  o.low.assign(pads.begin(), pads.begin() + static_cast<std::ptrdiff_t>(n));
  o.high.assign(pads.begin() + static_cast<std::ptrdiff_t>(n), pads.end());
  const std::string how = c.text("auto_pad", "NOTSET");
  if (how == "VALID") {
    o.low.assign(n, 0);
    o.high.assign(n, 0);
  } else if (how == "SAME_UPPER" || how == "SAME_LOWER") {
    for (std::size_t d = 0; d < n; ++d) {
      if (o.strides[d] < 1 || o.dilations[d] < 1 || o.kernel[d] < 1) c.Fail("a stride or window below 1");
      const std::int64_t in = x.shape()[d + 2], out = (in + o.strides[d] - 1) / o.strides[d];
      const std::int64_t reach = o.dilations[d] * (o.kernel[d] - 1) + 1;
      const std::int64_t both = std::max<std::int64_t>(0, (out - 1) * o.strides[d] + reach - in);
      o.low[d] = how == "SAME_UPPER" ? both / 2 : both - both / 2;
      o.high[d] = both - o.low[d];
    }
  } else if (how != "NOTSET" && !how.empty()) {
    c.Fail("auto_pad is \"", how, "\"");
  }
  return o;
}

Tensor convolve(Call& c, const Tensor& x, const Tensor& w, const Tensor& bias) {
  if (w.rank() != x.rank() || w.rank() < 3) c.Fail("x ", type_text(x), " and w ", type_text(w));
  const SpatialOptions o = spatial_options(c, x, Integers(w.shape().begin() + 2, w.shape().end()));
  return conv(x, w, bias,
              {.strides = o.strides,
               .low = o.low,
               .high = o.high,
               .dilation = o.dilations,
               .groups = c.integer("group", 1)});
}

Results import_conv(Call& c) { return {convolve(c, c.input(0), c.input(1), c.optional(2))}; }

Results import_conv_transpose(Call& c) {
  const Tensor &x = c.input(0), &w = c.input(1);
  if (w.rank() != x.rank() || w.rank() < 3) c.Fail("x ", type_text(x), " and w ", type_text(w));
  const std::size_t n = x.shape().size() - 2;
  Integers extra = window_numbers(c, "output_padding", n, 0);
  const Integers want = c.integers("output_shape");
  c.shape_of(want);
  const std::string how = c.text("auto_pad", "NOTSET");
  const bool same = how == "SAME_UPPER" || how == "SAME_LOWER";
  SpatialOptions o;
  if (want.empty() && !same) {
    o = spatial_options(c, x, Integers(w.shape().begin() + 2, w.shape().end()));
  } else {  // the padding follows from the output's extents
    o.strides = window_numbers(c, "strides", n, 1);
    o.dilations = window_numbers(c, "dilations", n, 1);
    const std::size_t lead = want.size() == n + 2 ? 2 : 0;
    if (!want.empty() && want.size() != n + lead) c.Fail("output_shape has ", want.size(), " extents");
    for (std::size_t d = 0; d < n; ++d) {
      const std::int64_t in = x.shape()[d + 2], out = want.empty() ? in * o.strides[d] : want[d + lead];
      const std::int64_t total =
          o.strides[d] * (in - 1) + extra[d] + (w.shape()[d + 2] - 1) * o.dilations[d] + 1 - out;
      if (total < 0) {  // more than the kernel reaches: positions added at the end
        extra[d] -= total;
        o.low.push_back(0), o.high.push_back(0);
        continue;
      }
      const std::int64_t half = total / 2;
      o.low.push_back(how == "SAME_UPPER" ? half : total - half);
      o.high.push_back(total - o.low.back());
    }
  }
  return {conv_transpose(x, w, c.optional(2),
                         {.strides = o.strides,
                          .low = o.low,
                          .high = o.high,
                          .dilation = o.dilations,
                          .groups = c.integer("group", 1),
                          .output_padding = extra})};
}

// Gaussian elimination with the greatest pivot of each column.
Results import_det(Call& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2 || x.dim(-1) != x.dim(-2)) c.Fail("takes square matrices, got ", type_text(x));
  const std::int64_t n = x.dim(-1);
  if (n > 64) c.Unsupported("matrices larger than 64, got ", type_text(x));
  Tensor a = reshape(x, {-1, n, n}), det = ones({a.dim(0)}, x.dtype());
  for (std::int64_t k = 0; k < n; ++k) {
    const std::int64_t left = n - k;
    const Tensor pivot = argmax(abs(slice(a, {{}, {}, 0})), 1, true);  // [b,1]
    const Tensor row = iota({a.dim(0), left}, 1);
    const Tensor order = where(row == 0, pivot, where(row == pivot, 0, row));
    a = gather_elements(a, broadcast_to(expand_dims(order, 2), {a.dim(0), left, left}), 1);
    const Tensor top = slice(a, {{}, 0, 0});
    det = det * where(reshape(pivot, {-1}) == 0, top, -top);
    if (left == 1) break;
    const Tensor safe = where(top == 0, 1, top);
    const Tensor factor = slice(a, {{}, {1, std::nullopt}, 0}) / expand_dims(safe, 1);
    a = slice(a, {{}, {1, std::nullopt}, {1, std::nullopt}}) -
        expand_dims(factor, 2) * slice(a, {{}, {0, 1}, {1, std::nullopt}});
  }
  Shape batch;
  for (int d = 0; d + 2 < x.rank(); ++d) batch.push_back(x.dim(d));
  return {reshape(det, batch)};
}

}  // namespace leat::onnx
