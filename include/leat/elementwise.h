// The elementwise functions, one per row of the op table (ir/ops.def). Generated: tests/frontend/
// elementwise_header_test.cpp compares this file with the table, and writes it anew with LEAT_UPDATE=1.
//
// Operands broadcast as in NumPy; C++ scalars take the tensor's dtype; mixed dtypes are promoted. Wrong
// shapes or dtypes throw leat::Error (invalid_argument) at the line of the call.
//
//   Tensor y = maximum(exp(x) - 1, 0);
#pragma once

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

/// -x; integers wrap. Takes a numeric dtype (not bool).
Tensor neg(const Operand& x);
/// |x|; the least signed integer maps to itself. Takes a numeric dtype (not bool).
Tensor abs(const Operand& x);
/// -1, 0 or 1; keeps signed zeros and NaN. Takes a numeric dtype (not bool).
Tensor sign(const Operand& x);
/// x + y; integers wrap. Takes a numeric dtype (not bool).
Tensor add(const Operand& x, const Operand& y);
/// x - y; integers wrap. Takes a numeric dtype (not bool).
Tensor sub(const Operand& x, const Operand& y);
/// x * y; integers wrap. Takes a numeric dtype (not bool).
Tensor mul(const Operand& x, const Operand& y);
/// x / y; integers truncate, x / 0 faults, the least / -1 is itself. Takes a numeric dtype (not bool).
Tensor div(const Operand& x, const Operand& y);
/// remainder of truncating division, sign of x; integer x % 0 faults. Takes a numeric dtype (not bool).
Tensor rem(const Operand& x, const Operand& y);
/// lesser; NaN wins, -0 < +0. Takes any dtype.
Tensor minimum(const Operand& x, const Operand& y);
/// greater; NaN wins, -0 < +0. Takes any dtype.
Tensor maximum(const Operand& x, const Operand& y);
/// x * y + z, rounded once. Takes a floating dtype (f16, bf16, f32, f64).
Tensor fma(const Operand& x, const Operand& y, const Operand& z);
/// largest integer <= x. Takes a floating dtype (f16, bf16, f32, f64).
Tensor floor(const Operand& x);
/// least integer >= x. Takes a floating dtype (f16, bf16, f32, f64).
Tensor ceil(const Operand& x);
/// toward zero. Takes a floating dtype (f16, bf16, f32, f64).
Tensor trunc(const Operand& x);
/// nearest integer, ties to even. Takes a floating dtype (f16, bf16, f32, f64).
Tensor round_even(const Operand& x);
/// square root, correctly rounded. Takes a floating dtype (f16, bf16, f32, f64).
Tensor sqrt(const Operand& x);
/// 1 / sqrt(x): two roundings. Takes a floating dtype (f16, bf16, f32, f64).
Tensor rsqrt(const Operand& x);
/// cube root. Takes a floating dtype (f16, bf16, f32, f64).
Tensor cbrt(const Operand& x);
/// x to the y, special cases as C Annex F. Takes a floating dtype (f16, bf16, f32, f64).
Tensor pow(const Operand& x, const Operand& y);
/// e^x. Takes a floating dtype (f16, bf16, f32, f64).
Tensor exp(const Operand& x);
/// 2^x. Takes a floating dtype (f16, bf16, f32, f64).
Tensor exp2(const Operand& x);
/// e^x - 1. Takes a floating dtype (f16, bf16, f32, f64).
Tensor expm1(const Operand& x);
/// natural logarithm. Takes a floating dtype (f16, bf16, f32, f64).
Tensor log(const Operand& x);
/// base-2 logarithm. Takes a floating dtype (f16, bf16, f32, f64).
Tensor log2(const Operand& x);
/// log(1 + x). Takes a floating dtype (f16, bf16, f32, f64).
Tensor log1p(const Operand& x);
/// sine of x radians. Takes a floating dtype (f16, bf16, f32, f64).
Tensor sin(const Operand& x);
/// cosine of x radians. Takes a floating dtype (f16, bf16, f32, f64).
Tensor cos(const Operand& x);
/// tangent of x radians. Takes a floating dtype (f16, bf16, f32, f64).
Tensor tan(const Operand& x);
/// arc sine, radians. Takes a floating dtype (f16, bf16, f32, f64).
Tensor asin(const Operand& x);
/// arc cosine, radians. Takes a floating dtype (f16, bf16, f32, f64).
Tensor acos(const Operand& x);
/// arc tangent, radians. Takes a floating dtype (f16, bf16, f32, f64).
Tensor atan(const Operand& x);
/// angle of the point (y, x), operands (y, x). Takes a floating dtype (f16, bf16, f32, f64).
Tensor atan2(const Operand& x, const Operand& y);
/// hyperbolic sine. Takes a floating dtype (f16, bf16, f32, f64).
Tensor sinh(const Operand& x);
/// hyperbolic cosine. Takes a floating dtype (f16, bf16, f32, f64).
Tensor cosh(const Operand& x);
/// hyperbolic tangent. Takes a floating dtype (f16, bf16, f32, f64).
Tensor tanh(const Operand& x);
/// inverse hyperbolic sine. Takes a floating dtype (f16, bf16, f32, f64).
Tensor asinh(const Operand& x);
/// inverse hyperbolic cosine. Takes a floating dtype (f16, bf16, f32, f64).
Tensor acosh(const Operand& x);
/// inverse hyperbolic tangent. Takes a floating dtype (f16, bf16, f32, f64).
Tensor atanh(const Operand& x);
/// 1 / (1 + e^-x). Takes a floating dtype (f16, bf16, f32, f64).
Tensor sigmoid(const Operand& x);
/// error function. Takes a floating dtype (f16, bf16, f32, f64).
Tensor erf(const Operand& x);
/// inverse error function. Takes a floating dtype (f16, bf16, f32, f64).
Tensor erfinv(const Operand& x);
/// complement; logical not of a bool. Takes an integer dtype or bool.
Tensor bit_not(const Operand& x);
/// and. Takes an integer dtype or bool.
Tensor bit_and(const Operand& x, const Operand& y);
/// or. Takes an integer dtype or bool.
Tensor bit_or(const Operand& x, const Operand& y);
/// exclusive or. Takes an integer dtype or bool.
Tensor bit_xor(const Operand& x, const Operand& y);
/// x << y; 0 where y is negative or >= the width. Takes an integer dtype.
Tensor shift_left(const Operand& x, const Operand& y);
/// x >> y, arithmetic for signed; all sign bits where y is negative or >= the width. Takes an integer dtype.
Tensor shift_right(const Operand& x, const Operand& y);
/// number of one bits. Takes an integer dtype.
Tensor popcount(const Operand& x);
/// number of leading zero bits; the width for 0. Takes an integer dtype.
Tensor count_leading_zeros(const Operand& x);
/// x == y; NaN equals nothing, -0 == +0. Takes any dtype.
Tensor equal(const Operand& x, const Operand& y);
/// !(x == y). Takes any dtype.
Tensor not_equal(const Operand& x, const Operand& y);
/// x < y; false with NaN. Takes any dtype.
Tensor less(const Operand& x, const Operand& y);
/// x <= y; false with NaN. Takes any dtype.
Tensor less_equal(const Operand& x, const Operand& y);
/// x > y; false with NaN. Takes any dtype.
Tensor greater(const Operand& x, const Operand& y);
/// x >= y; false with NaN. Takes any dtype.
Tensor greater_equal(const Operand& x, const Operand& y);
/// neither infinite nor NaN; result bool. Takes a floating dtype (f16, bf16, f32, f64).
Tensor is_finite(const Operand& x);
/// NaN; result bool. Takes a floating dtype (f16, bf16, f32, f64).
Tensor is_nan(const Operand& x);

}  // namespace leat
#pragma GCC visibility pop
