#include "compiler/frontend/onnx/ops.h"
#include "leat/create.h"
#include "leat/nn.h"

namespace leat::onnx {
namespace {

std::vector<int> all_but_channels(const Tensor& x) {
  std::vector<int> axes{0};
  for (int d = 2; d < x.rank(); ++d) axes.push_back(d);
  return axes;
}

}  // namespace

Results import_batch_normalization(Call& c) {
  const Tensor& x = c.input(0);
  const Tensor &scale = c.input(1), &shift = c.input(2), &mean_in = c.input(3), &variance_in = c.input(4);
  const double epsilon = c.real("epsilon", 1e-5), momentum = c.real("momentum", 0.9);
  if (c.version() < 9 && !c.flag("spatial", true)) c.Unsupported("spatial = 0");
  const bool training = c.version() >= 14 && c.flag("training_mode");
  if (!training) return {batch_norm(x, mean_in, variance_in, scale, shift, epsilon)};
  const std::vector<int> axes = all_but_channels(x);
  const Tensor batch_mean = mean(x, axes), batch_variance = variance(x, axes);
  const auto running = [&](const Tensor& before, const Tensor& now) {
    return before * momentum + astype(now, before.dtype()) * (1 - momentum);
  };
  return {batch_norm(x, batch_mean, batch_variance, scale, shift, epsilon), running(mean_in, batch_mean),
          running(variance_in, batch_variance)};
}

Results import_instance_normalization(Call& c) {
  return {instance_norm(c.input(0), c.input(1), c.input(2), c.real("epsilon", 1e-5))};
}

Results import_layer_normalization(Call& c) {
  const Tensor &x = c.input(0), &scale = c.input(1);
  const Tensor shift = c.optional(2);
  const int axis = c.axis("axis", -1, x.rank());
  const double epsilon = c.real("epsilon", 1e-5);
  const Shape last(x.shape().dims().subspan(static_cast<std::size_t>(axis)));
  if (!c.wants(1) && !c.wants(2) && scale.shape() == last && (!shift.defined() || shift.shape() == last)) {
    return {layer_norm(x, scale, shift, epsilon)};
  }
  std::vector<int> axes;
  for (int d = axis; d < x.rank(); ++d) axes.push_back(d);
  const Tensor w = widened(x), centre = mean(w, axes, true), centred = w - centre;
  const Tensor inverse = rsqrt(mean(centred * centred, axes, true) + epsilon);
  Tensor y = astype(centred * inverse, x.dtype()) * scale;
  if (shift.defined()) y = y + shift;
  return {y, centre, inverse};
}

Results import_mean_variance_normalization(Call& c) {
  const Tensor& x = c.input(0);
  const Integers given = c.has_attribute("axes") ? c.integers("axes") : Integers{0, 2, 3};
  const std::vector<int> axes = c.normal_axes(given, x.rank());
  const Tensor w = widened(x), centred = w - mean(w, axes, true);
  return {astype(centred / (sqrt(variance(w, axes, true)) + 1e-9), x.dtype())};
}

Results import_lp_normalization(Call& c) {
  const Tensor& x = c.input(0);
  const int axis = c.axis("axis", -1, x.rank());
  const std::int64_t p = c.integer("p", 2);
  if (p != 1 && p != 2) c.Fail("p is 1 or 2, got ", p);
  const Tensor w = widened(x);
  const Tensor norm = p == 1 ? sum(abs(w), axis, true) : sqrt(sum(w * w, axis, true));
  return {astype(w / norm, x.dtype())};
}

// Krizhevsky and others, 2012: x / (bias + alpha * mean of x^2 over neighbouring channels)^beta.
Results import_lrn(Call& c) {
  const Tensor& x = c.input(0);
  if (x.rank() < 2) c.Fail("takes [n,c,...], got ", type_text(x));
  const std::int64_t size = c.integer("size");
  if (size < 1) c.Fail("size is ", size);
  const Tensor w = widened(x);
  const Tensor square = reshape(w * w, {x.dim(0), 1, x.dim(1), -1});
  const Tensor near = avg_pool(square, {size, 1},
                               {.strides = {1, 1}, .low = {(size - 1) / 2, 0}, .high = {size / 2, 0}}, true);
  const Tensor base = reshape(near, x.shape()) * c.real("alpha", 1e-4) + c.real("bias", 1);
  return {astype(w / pow(base, c.real("beta", 0.75)), x.dtype())};
}

Results import_dropout(Call& c) {
  const Tensor& x = c.input(0);
  const DType mask_dtype = c.version() >= 10 ? DType::bool_ : x.dtype();
  const double ratio = c.version() < 12 ? c.real("ratio", 0.5) : c.has(1) ? c.real(std::size_t{1}) : 0.5;
  const bool training = c.version() >= 12 && c.has(2) && c.truth(2);
  if (!training || ratio == 0) return {x, ones(x.shape(), mask_dtype)};
  std::optional<float> seed;
  if (c.has_attribute("seed")) seed = static_cast<float>(c.integer("seed", 0));
  const Tensor kept = c.importer().random(c.node(), seed).bernoulli(x.shape(), 1 - ratio);
  return c.Give({{where(kept, x / (1 - ratio), 0)}, {kept}});
}

}  // namespace leat::onnx
