#include <limits>

#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {

Tensor aligned_operand(Call& c) {
  const Tensor &x = c.input(0), &y = c.input(1);
  if (c.version() >= 7 || !c.has_attribute("axis") || y.rank() == 0 || y.rank() == x.rank()) return y;
  const int axis = c.axis("axis", 0, x.rank());
  Shape shape = y.shape();
  for (int d = axis + y.rank(); d < x.rank(); ++d) shape.push_back(1);
  return reshape(y, shape);
}

Results import_identity(Call& c) {
  if (c.items().empty() || c.items()[0].absent()) c.input(0);
  return c.Give({c.items()[0]});
}
Results import_not(Call& c) { return {!c.input(0)}; }
Results import_reciprocal(Call& c) { return {1 / c.input(0)}; }

Results import_is_inf(Call& c) {
  const Tensor& x = c.input(0);
  const double infinity = std::numeric_limits<double>::infinity();
  const bool up = c.flag("detect_positive", true), down = c.flag("detect_negative", true);
  if (up && down) return {abs(x) == infinity};
  if (up) return {x == infinity};
  if (down) return {x == -infinity};
  return {zeros(x.shape(), DType::bool_)};
}

// The result has x's dtype, whatever the exponent's.
Results import_pow(Call& c) {
  const Tensor& x = c.input(0);
  const Tensor y = aligned_operand(c);
  if (is_float(x.dtype())) return {pow(x, astype(y, x.dtype()))};
  return {astype(pow(astype(x, DType::f64), astype(y, DType::f64)), x.dtype())};
}

Results import_mod(Call& c) {
  const Tensor &x = c.input(0), &y = c.input(1);
  const Tensor r = x % y;
  if (c.flag("fmod") || is_unsigned_int(x.dtype())) return {r};
  if (is_float(x.dtype())) c.Fail("floating operands need fmod = 1");
  return {where((r != 0) & ((r < 0) != (y < 0)), r + y, r)};  // the sign of the divisor
}

Results import_bit_shift(Call& c) {
  const std::string direction = c.text("direction", "");
  if (direction == "LEFT") return {c.input(0) << c.input(1)};
  if (direction == "RIGHT") return {c.input(0) >> c.input(1)};
  c.Fail("direction is LEFT or RIGHT, got \"", direction, "\"");
}

Results import_mean(Call& c) {
  const Tensor total = import_variadic<add>(c)[0];
  return {total / static_cast<double>(c.input_count())};
}

Results import_clip(Call& c) {
  Tensor x = c.input(0);
  if (c.version() < 11) {
    if (c.has_attribute("min")) x = maximum(x, c.real("min"));
    if (c.has_attribute("max")) x = minimum(x, c.real("max"));
    return {x};
  }
  if (c.has(1)) x = maximum(x, c.input(1));
  if (c.has(2)) x = minimum(x, c.input(2));
  return {x};
}

Results import_elu(Call& c) { return {elu(c.input(0), c.real("alpha", 1))}; }

Results import_selu(Call& c) {
  const Tensor& x = c.input(0);
  const double alpha = c.real("alpha", 1.67326319217681884765625),
               gamma = c.real("gamma", 1.05070102214813232);
  return {elu(x, alpha) * gamma};
}

Results import_celu(Call& c) {
  const Tensor& x = c.input(0);
  const double alpha = c.real("alpha", 1);
  return {where(x < 0, expm1(x / alpha) * alpha, x)};
}

Results import_leaky_relu(Call& c) { return {leaky_relu(c.input(0), c.real("alpha", 0.01))}; }

Results import_thresholded_relu(Call& c) {
  const Tensor& x = c.input(0);
  return {where(x > c.real("alpha", 1), x, 0)};
}

Results import_prelu(Call& c) {
  const Tensor& x = c.input(0);
  Tensor slope = c.input(1);
  if (c.version() < 7 && slope.rank() == 1 && x.rank() > 2) {  // one per channel
    Shape shape = slope.shape();
    for (int d = 2; d < x.rank(); ++d) shape.push_back(1);
    slope = reshape(slope, shape);
  }
  return {where(x < 0, x * slope, x)};
}

Results import_hard_sigmoid(Call& c) {
  return {clamp(c.input(0) * c.real("alpha", 0.2) + c.real("beta", 0.5), 0, 1)};
}

Results import_shrink(Call& c) {
  const Tensor& x = c.input(0);
  const double lambda = c.real("lambd", 0.5), bias = c.real("bias", 0);
  if (!is_float(x.dtype())) {
    const Tensor w = astype(x, DType::f64);
    return {astype(where(w < -lambda, w + bias, where(w > lambda, w - bias, 0)), x.dtype())};
  }
  return {where(x < -lambda, x + bias, where(x > lambda, x - bias, 0))};
}

Results import_gelu(Call& c) { return {gelu(c.input(0), c.text("approximate", "none") == "tanh")}; }

Results import_where(Call& c) { return {where(c.input(0), c.input(1), c.input(2))}; }

Results import_cast(Call& c) { return {astype(c.input(0), c.dtype_from(c.integer("to")))}; }
Results import_cast_like(Call& c) { return {astype(c.input(0), c.input(1).dtype())}; }

}  // namespace leat::onnx
