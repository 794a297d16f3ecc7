#include "leat/random.h"

#include "compiler/frontend/build.h"
#include "compiler/frontend/context_state.h"
#include "compiler/frontend/trace.h"
#include "leat/create.h"
#include "leat/ops.h"

namespace leat {

using frontend::fail;
using frontend::frozen;
using frontend::make_convert;
using frontend::make_elementwise;

namespace {

Tensor op2(ir::Op op, const Tensor& x, const Operand& y, SourceLocation at) {
  return make_elementwise(op, {Operand(x, at), y});
}

// bits -> float in [0, 1) (or, centred, in (0, 1)) with `keep` bits.
Tensor unit_interval(Generator& g, const Shape& shape, DType dtype, bool centred, SourceLocation at) {
  const bool wide = dtype == DType::f64;
  const DType bits_type = wide ? DType::u64 : DType::u32;
  const DType real = wide ? DType::f64 : DType::f32;
  const int keep = (wide ? 53 : 24) - (centred ? 1 : 0);
  const Tensor bits = g.bits(shape, bits_type, at);
  const Tensor high = op2(ir::Op::shift_right, bits, Operand((wide ? 64 : 32) - keep, at).Frozen(), at);
  Tensor u = make_convert(high, real, at);
  if (centred) u = op2(ir::Op::add, u, frozen(0.5, at), at);
  return op2(ir::Op::mul, u, frozen(1.0 / static_cast<double>(std::uint64_t{1} << keep), at), at);
}

void check_float(DType dtype, std::string_view what, SourceLocation at) {
  if (!is_float(dtype)) {
    fail(Code::invalid_argument,
         std::string(what) + ": " + std::string(name(dtype)) + " is not a floating dtype", at);
  }
}

}  // namespace

Tensor Generator::bits(const Shape& shape, DType dtype, SourceLocation where) {
  frontend::check_shape(shape, dtype, "bits", where);
  const Tensor key = frontend::generator_key(state_, where);
  const ir::Type type{dtype, shape};
  return frontend::make_op(ir::Op::random_bits, {Operand(key, where)}, {}, where, &type);
}

Tensor Generator::uniform(const Shape& shape, double low, double high, DType dtype, SourceLocation where) {
  check_float(dtype, "uniform", where);
  Tensor u = unit_interval(*this, shape, dtype, false, where);
  if (low != 0 || high != 1) {
    u = op2(ir::Op::mul, u, Operand(high - low, where), where);
    u = op2(ir::Op::add, u, Operand(low, where), where);
  }
  return make_convert(u, dtype, where);
}

Tensor Generator::normal(const Shape& shape, double mean, double deviation, DType dtype,
                         SourceLocation where) {
  check_float(dtype, "normal", where);
  const Tensor u = unit_interval(*this, shape, dtype, true, where);
  // 2u - 1 is exact: u has one bit less than the format, and is never 0 or 1.
  const Tensor v = op2(ir::Op::sub, op2(ir::Op::mul, u, frozen(2, where), where), frozen(1, where), where);
  const Tensor e = make_elementwise(ir::Op::erfinv, {Operand(v, where)});
  Tensor z = op2(ir::Op::mul, e, frozen(1.4142135623730951, where), where);
  if (deviation != 1) z = op2(ir::Op::mul, z, Operand(deviation, where), where);
  if (mean != 0) z = op2(ir::Op::add, z, Operand(mean, where), where);
  return make_convert(z, dtype, where);
}

Tensor Generator::bernoulli(const Shape& shape, double probability, SourceLocation where) {
  return make_elementwise(
      ir::Op::less, {Operand(uniform(shape, 0, 1, DType::f32, where), where), Operand(probability, where)});
}

Generator Generator::split() {
  // A finaliser over (seed, counter) (Steele and others, SplitMix64): other keys, independent streams.
  std::uint64_t z = state_->seed + 0x9e3779b97f4a7c15u * (++state_->counter | std::uint64_t{1} << 63);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return Generator(z ^ (z >> 31));
}

}  // namespace leat
