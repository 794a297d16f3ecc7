#include "compiler/frontend/onnx/ops.h"
#include "leat/random.h"

namespace leat::onnx {
namespace {

Generator& generator_of(Call& c) {
  std::optional<float> seed;
  if (c.has_attribute("seed")) seed = static_cast<float>(c.real("seed", 0));
  return c.importer().random(c.node(), seed);
}

Tensor normal(Call& c, const Shape& shape, DType dtype) {
  return generator_of(c).normal(shape, c.real("mean", 0), c.real("scale", 1), dtype);
}
Tensor uniform(Call& c, const Shape& shape, DType dtype) {
  return generator_of(c).uniform(shape, c.real("low", 0), c.real("high", 1), dtype);
}

}  // namespace

Results import_random_normal(Call& c) {
  return {normal(c, c.shape_of(c.integers("shape")), c.dtype("dtype", DType::f32))};
}
Results import_random_uniform(Call& c) {
  return {uniform(c, c.shape_of(c.integers("shape")), c.dtype("dtype", DType::f32))};
}
Results import_random_normal_like(Call& c) {
  return {normal(c, c.input(0).shape(), c.dtype("dtype", c.input(0).dtype()))};
}
Results import_random_uniform_like(Call& c) {
  return {uniform(c, c.input(0).shape(), c.dtype("dtype", c.input(0).dtype()))};
}
Results import_bernoulli(Call& c) {
  const Tensor& x = c.input(0);
  return {astype(generator_of(c).uniform(x.shape(), 0, 1, x.dtype()) < x, c.dtype("dtype", x.dtype()))};
}

}  // namespace leat::onnx
