#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

// A parameter per element of `axis`, to stand beside x; one number stays one number.
Tensor along(Call& c, const Tensor& p, const Tensor& x, std::int64_t axis) {
  if (p.num_elements() == 1) return reshape(p, {});
  const int a = c.normal_axis(axis, x.rank());
  if (p.rank() != 1 || p.dim(0) != x.dim(a)) c.Fail("a parameter ", type_text(p), " for ", type_text(x));
  Shape shape;
  for (int d = 0; d < x.rank(); ++d) shape.push_back(d == a ? x.dim(a) : 1);
  return reshape(p, shape);
}

// Rounded to even, shifted, and saturated (the conversion does that).
Tensor quantized(const Tensor& real, const Tensor& zero_point) {
  return astype(round_even(real) + astype(zero_point, real.dtype()), zero_point.dtype());
}

Tensor centred(const Tensor& x, const Tensor& zero_point) {
  const Tensor wide = astype(x, DType::i32);
  return zero_point.defined() ? wide - astype(zero_point, DType::i32) : wide;
}

// Zero points of the rows of a left operand and of the columns of a right one.
Tensor of_rows(const Tensor& p) {
  return p.defined() && p.rank() == 1 && p.dim(0) > 1 ? expand_dims(p, 1) : p;
}

}  // namespace

Results import_quantize_linear(Call& c) {
  const Tensor& x = c.input(0);
  const std::int64_t axis = c.integer("axis", 1);
  const Tensor zero = c.has(2) ? along(c, c.input(2), x, axis) : zeros({}, DType::u8);
  const Tensor w = is_float(x.dtype()) ? widened(x) : astype(x, DType::f32);
  return {quantized(w / astype(along(c, c.input(1), x, axis), w.dtype()), zero)};
}

Results import_dequantize_linear(Call& c) {
  const Tensor &x = c.input(0), &scale = c.input(1);
  const std::int64_t axis = c.integer("axis", 1);
  const Tensor zero = c.has(2) ? along(c, c.input(2), x, axis) : Tensor();
  return {astype(centred(x, zero), scale.dtype()) * along(c, scale, x, axis)};
}

Results import_dynamic_quantize_linear(Call& c) {
  const Tensor& x = c.input(0);
  const Tensor low = minimum(min(x), 0), high = maximum(max(x), 0);
  const Tensor scale = (high - low) / 255;
  const Tensor zero = astype(round_even(clamp(-low / scale, 0, 255)), DType::u8);
  return {quantized(x / scale, zero), scale, zero};
}

Results import_matmul_integer(Call& c) {
  return {matmul(centred(c.input(0), of_rows(c.optional(2))), centred(c.input(1), c.optional(3)))};
}

Results import_conv_integer(Call& c) {
  const Tensor& w = c.input(1);
  const Tensor w_zero = c.has(3) ? along(c, c.input(3), w, 0) : Tensor();
  return {convolve(c, centred(c.input(0), c.has(2) ? reshape(c.input(2), {}) : Tensor()), centred(w, w_zero),
                   {})};
}

Results import_qlinear_matmul(Call& c) {
  const Tensor product = matmul(centred(c.input(0), of_rows(c.input(2))), centred(c.input(3), c.input(5)));
  const Tensor scale = of_rows(c.input(1)) * c.input(4) / c.input(6);
  return {quantized(astype(product, DType::f32) * scale, c.input(7))};
}

Results import_qlinear_conv(Call& c) {
  const Tensor &x = c.input(0), &w = c.input(3);
  const Tensor sum =
      convolve(c, centred(x, reshape(c.input(2), {})), centred(w, along(c, c.input(5), w, 0)), c.optional(8));
  const Tensor w_scale =
      c.input(4).num_elements() == 1 ? reshape(c.input(4), {}) : along(c, c.input(4), sum, 1);
  const Tensor scale = reshape(c.input(1), {}) * w_scale / reshape(c.input(6), {});
  return {quantized(astype(sum, DType::f32) * scale, reshape(c.input(7), {}))};
}

}  // namespace leat::onnx
