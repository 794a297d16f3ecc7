// The number concept (ir/meaning/number.h) as a type that offers just what is documented: two lanes of each
// scalar.
//
// That every meaning compiles for it shows that the concept is stated in full; that its lanes equal the
// scalar instance shows that no meaning looks at anything but its lanes. An emitter's number type has this
// surface.
#include <gtest/gtest.h>

#include <cstring>
#include <random>

#include "ir/meaning/elementwise.h"
#include "ir/meaning/philox.h"

namespace lanes {

using leat::bfloat16;
using leat::float16;
namespace m = leat::meaning;

template <class S>
struct Num {
  S v[2];
  Num() = default;
  explicit Num(S c) : v{c, c} {}
  Num(S a, S b) : v{a, b} {}
};
template <class S, class... N, class F>
auto each(F f, const Num<S>& a, const N&... rest) {
  return Num<decltype(f(a.v[0], rest.v[0]...))>(f(a.v[0], rest.v[0]...), f(a.v[1], rest.v[1]...));
}

template <class S>
concept Integer = std::is_integral_v<S> && !std::is_same_v<S, bool>;
template <class S>
concept Word = std::is_same_v<S, std::uint32_t> || std::is_same_v<S, std::uint64_t>;
template <class S>
concept Arithmetic = std::is_floating_point_v<S> || Word<S>;
template <class S>
concept Ordered = std::is_floating_point_v<S> || Integer<S>;

#define LEAT_OPERATOR(op, Kind, R)                                      \
  template <Kind S>                                                     \
  Num<R> operator op(Num<S> a, Num<S> b) {                              \
    return each([](S x, S y) { return static_cast<R>(x op y); }, a, b); \
  }
LEAT_OPERATOR(+, Arithmetic, S)
LEAT_OPERATOR(-, Arithmetic, S)
LEAT_OPERATOR(*, Arithmetic, S)
LEAT_OPERATOR(/, std::floating_point, S)
LEAT_OPERATOR(&, std::integral, S)
LEAT_OPERATOR(|, std::integral, S)
LEAT_OPERATOR(^, std::integral, S)
LEAT_OPERATOR(<, Ordered, bool)
LEAT_OPERATOR(<=, Ordered, bool)
LEAT_OPERATOR(>, Ordered, bool)
LEAT_OPERATOR(>=, Ordered, bool)
template <class S>
requires std::is_arithmetic_v<S> Num<bool>
operator==(Num<S> a, Num<S> b) {
  return each([](S x, S y) { return x == y; }, a, b);
}
template <class S>
requires std::is_arithmetic_v<S> Num<bool>
operator!=(Num<S> a, Num<S> b) {
  return each([](S x, S y) { return x != y; }, a, b);
}
#undef LEAT_OPERATOR
inline Num<bool> operator!(Num<bool> a) {
  return each([](bool x) { return !x; }, a);
}
template <Integer S>
Num<S> operator~(Num<S> a) {
  return each([](S x) { return static_cast<S>(~x); }, a);
}
template <std::floating_point S>
Num<S> operator-(Num<S> a) {
  return each([](S x) { return -x; }, a);
}
template <Word S>
Num<S> operator<<(Num<S> a, int k) {
  return each([k](S x) { return x << k; }, a);
}
template <Word S>
Num<S> operator>>(Num<S> a, int k) {
  return each([k](S x) { return x >> k; }, a);
}
template <Word S>
Num<S> sra(Num<S> a, int k) {
  return each([k](S x) { return m::sra(x, k); }, a);
}

#define LEAT_UNARY_FN(name, Kind)                   \
  template <Kind S>                                 \
  Num<S> name(Num<S> a) {                           \
    return each([](S x) { return m::name(x); }, a); \
  }
#define LEAT_BINARY_FN(name, Kind)                             \
  template <Kind S>                                            \
  Num<S> name(Num<S> a, Num<S> b) {                            \
    return each([](S x, S y) { return m::name(x, y); }, a, b); \
  }
LEAT_UNARY_FN(square_root, std::floating_point)
LEAT_UNARY_FN(magnitude, std::floating_point)
LEAT_UNARY_FN(round_down, std::floating_point)
LEAT_UNARY_FN(round_up, std::floating_point)
LEAT_UNARY_FN(round_to_zero, std::floating_point)
LEAT_UNARY_FN(round_to_even, std::floating_point)
LEAT_UNARY_FN(ones, std::unsigned_integral)
LEAT_UNARY_FN(leading_zeros, std::unsigned_integral)
LEAT_BINARY_FN(wrap_add, Integer)
LEAT_BINARY_FN(wrap_sub, Integer)
LEAT_BINARY_FN(wrap_mul, Integer)
LEAT_BINARY_FN(quotient, Integer)
LEAT_BINARY_FN(remainder, Integer)
LEAT_BINARY_FN(shl, Integer)
LEAT_BINARY_FN(shr, Integer)
#undef LEAT_UNARY_FN
#undef LEAT_BINARY_FN

template <std::floating_point S>
Num<S> fmadd(Num<S> a, Num<S> b, Num<S> c) {
  return each([](S x, S y, S z) { return m::fmadd(x, y, z); }, a, b, c);
}
template <class S>
auto bits(Num<S> a) {
  return each([](S x) { return m::bits(x); }, a);
}
template <Word S>
auto flt(Num<S> a) {
  return each([](S x) { return m::flt(x); }, a);
}
template <class H>
Num<H> from_bits(Num<std::uint16_t> a) {
  return each([](std::uint16_t x) { return m::from_bits<H>(x); }, a);
}
template <class R, class S>
Num<R> cast(Num<S> a) {
  return each([](S x) { return m::cast<R>(x); }, a);
}
template <class S>
Num<S> select(Num<bool> c, Num<S> a, Num<S> b) {
  return each([](bool t, S x, S y) { return t ? x : y; }, c, a, b);
}
template <class S, class F>
Num<S> lazy(Num<bool> c, Num<S> fast, F slow) {
  return c.v[0] || c.v[1] ? select(c, slow(), fast) : fast;
}

}  // namespace lanes

namespace leat::meaning {
template <class S>
struct Lane<lanes::Num<S>> {
  using Scalar = S;
  template <class R>
  using With = lanes::Num<R>;
};
}  // namespace leat::meaning

namespace leat::meaning {
namespace {

using ir::Family;
using ir::Op;
using ir::TypeRule;
using lanes::Num;

template <class S>
S draw(std::mt19937_64& random) {
  const std::uint64_t u = random();
  if constexpr (std::is_same_v<S, bool>) {
    return u & 1;
  } else if (std::is_integral_v<S> || u % 4 == 0) {
    S x;
    std::memcpy(static_cast<void*>(&x), &u, sizeof x);
    return x;
  } else {
    return convert<S>((static_cast<double>(u >> 11) * 0x1p-53 - 0.25) * (u % 3 == 0 ? 1.5 : 30));
  }
}

template <class S>
bool same(S a, S b) {
  if constexpr (std::is_integral_v<S>) {
    return a == b;
  } else {
    return bits(a) == bits(b) || (is_nan(convert<double>(a)) && is_nan(convert<double>(b)));
  }
}

template <Op op, Family family, class S>
void check(std::mt19937_64& random) {
  for (int i = 0; i < 50; ++i) {
    const S a = draw<S>(random), b = draw<S>(random), c = draw<S>(random), d = draw<S>(random);
    const auto expect = [&](auto pair, auto x, auto y) {
      EXPECT_TRUE(same(pair.v[0], x) && same(pair.v[1], y)) << name(op) << " of " << name(dtype_of<S>());
    };
    if constexpr (family == Family::unary || family == Family::classify) {
      expect(apply<op>(Num<S>(a, b)), apply<op>(a), apply<op>(b));
    } else if constexpr (family == Family::binary || family == Family::compare) {
      expect(apply<op>(Num<S>(a, b), Num<S>(c, d)), apply<op>(a, c), apply<op>(b, d));
      expect(faults<op>(Num<S>(a, b), Num<S>(c, d)), faults<op>(a, c), faults<op>(b, d));
    } else if constexpr (family == Family::ternary) {
      expect(apply<op>(Num<S>(a, b), Num<S>(c, d), Num<S>(b, a)), apply<op>(a, c, b), apply<op>(b, d, a));
    } else if constexpr (family == Family::select) {
      expect(apply<op>(Num<bool>(true, false), Num<S>(a, b), Num<S>(c, d)), a, d);
    }
  }
}

template <class S, class R>
void check_convert(std::mt19937_64& random) {
  for (int i = 0; i < 50; ++i) {
    const S a = draw<S>(random), b = draw<S>(random);
    const auto r = apply_convert<Op::convert, R>(Num<S>(a, b));
    EXPECT_TRUE(same(r.v[0], convert<R>(a)) && same(r.v[1], convert<R>(b)));
    if constexpr (sizeof(S) == sizeof(R)) {
      const auto t = apply_convert<Op::bitcast, R>(Num<S>(a, b));
      EXPECT_TRUE(same(t.v[0], bitcast<R>(a)) && same(t.v[1], bitcast<R>(b)));
    }
  }
}

template <Op op, Family family, TypeRule rule, class S>
void check_if_taken(std::mt19937_64& random) {
  constexpr bool kInteger = std::is_integral_v<S> && !std::is_same_v<S, bool>;
  constexpr bool kFloating = !std::is_integral_v<S>;
  constexpr bool kTaken = rule == TypeRule::any || (rule == TypeRule::numeric && (kInteger || kFloating)) ||
                          (rule == TypeRule::floating && kFloating) ||
                          (rule == TypeRule::integer && kInteger) ||
                          (rule == TypeRule::integral && !kFloating);
  if constexpr (kTaken && family < Family::convert) check<op, family, S>(random);
}

template <class S>
void check_dtype() {
  std::mt19937_64 random(7);
#define LEAT_OP(name, family, types, ...) \
  check_if_taken<Op::name, Family::family, TypeRule::types, S>(random);
#include "ir/ops.def"
  check_convert<S, bool>(random);
  check_convert<S, std::int8_t>(random);
  check_convert<S, std::int16_t>(random);
  check_convert<S, std::int32_t>(random);
  check_convert<S, std::int64_t>(random);
  check_convert<S, std::uint8_t>(random);
  check_convert<S, std::uint16_t>(random);
  check_convert<S, std::uint32_t>(random);
  check_convert<S, std::uint64_t>(random);
  check_convert<S, float16>(random);
  check_convert<S, bfloat16>(random);
  check_convert<S, float>(random);
  check_convert<S, double>(random);
}

TEST(NumberConcept, Integers) {
  check_dtype<bool>();
  check_dtype<std::int8_t>();
  check_dtype<std::int16_t>();
  check_dtype<std::int32_t>();
  check_dtype<std::int64_t>();
  check_dtype<std::uint8_t>();
  check_dtype<std::uint16_t>();
  check_dtype<std::uint32_t>();
  check_dtype<std::uint64_t>();
}
TEST(NumberConcept, Halves) {
  check_dtype<float16>();
  check_dtype<bfloat16>();
}
TEST(NumberConcept, Single) { check_dtype<float>(); }
TEST(NumberConcept, Double) { check_dtype<double>(); }

TEST(NumberConcept, Philox) {
  const std::uint64_t key = 5, offset = 9;
  const Num<std::uint64_t> i(77, 1030), k(key), o(offset);
  const auto r = random_u32(i, k, o);
  EXPECT_EQ(r.v[0], random_u32(std::uint64_t{77}, key, offset));
  EXPECT_EQ(r.v[1], random_u32(std::uint64_t{1030}, key, offset));
  EXPECT_EQ(random_u64(i, k, o).v[1], random_u64(std::uint64_t{1030}, key, offset));
}

}  // namespace
}  // namespace leat::meaning
