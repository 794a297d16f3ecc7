// Element types of tensors.
//
// A DType names how one element is stored and what arithmetic means on it. float16 and bfloat16
// are storage types: arithmetic on them is IEEE (one rounding per operation, to nearest even) and
// is defined by ir/meaning, not by C++ operators, so they only convert here.
//
//   leat::DType t = leat::dtype_of<float>();   // DType::f32
//   leat::byte_size(t);                        // 4
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace leat {

enum class DType : std::uint8_t { bool_, i8, i16, i32, i64, u8, u16, u32, u64, f16, bf16, f32, f64 };
inline constexpr int kDTypeCount = 13;

/// IEEE 754 binary16, stored as its bits.
struct float16 {
  std::uint16_t bits = 0;
  constexpr float16() = default;
  explicit constexpr float16(float value) : bits(FromFloat(value)) {}
  explicit constexpr operator float() const { return ToFloat(bits); }
  static constexpr float16 FromBits(std::uint16_t b) {
    float16 h;
    h.bits = b;
    return h;
  }
  static constexpr std::uint16_t FromFloat(float value);
  static constexpr float ToFloat(std::uint16_t bits);
};

/// bfloat16: the upper half of an IEEE binary32, stored as its bits.
struct bfloat16 {
  std::uint16_t bits = 0;
  constexpr bfloat16() = default;
  explicit constexpr bfloat16(float value) : bits(FromFloat(value)) {}
  explicit constexpr operator float() const {
    return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
  }
  static constexpr bfloat16 FromBits(std::uint16_t b) {
    bfloat16 h;
    h.bits = b;
    return h;
  }
  static constexpr std::uint16_t FromFloat(float value) {
    const std::uint32_t u = std::bit_cast<std::uint32_t>(value);
    if ((u & 0x7fffffffu) > 0x7f800000u) return static_cast<std::uint16_t>((u >> 16) | 0x0040u);
    return static_cast<std::uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
};

constexpr std::uint16_t float16::FromFloat(float value) {
  const std::uint32_t u = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t sign = (u >> 16) & 0x8000u;
  const std::uint32_t a = u & 0x7fffffffu;
  if (a > 0x7f800000u) return static_cast<std::uint16_t>(sign | 0x7e00u);
  if (a >= 0x477ff000u) return static_cast<std::uint16_t>(sign | 0x7c00u);  // rounds past 65504
  if (a >= 0x38800000u) {                                                   // normal
    const std::uint32_t r = a - 0x38000000u;
    return static_cast<std::uint16_t>(sign | ((r + 0xfffu + ((r >> 13) & 1u)) >> 13));
  }
  if (a < 0x33000000u) return static_cast<std::uint16_t>(sign);  // below half the least subnormal
  const std::uint32_t shift = 126u - (a >> 23);                  // 14..24
  const std::uint32_t m = (a & 0x7fffffu) | 0x800000u;
  const std::uint32_t half = 1u << (shift - 1u);
  const std::uint32_t rest = m & ((1u << shift) - 1u);
  std::uint32_t r = m >> shift;
  if (rest > half || (rest == half && (r & 1u))) ++r;
  return static_cast<std::uint16_t>(sign | r);
}

constexpr float float16::ToFloat(std::uint16_t b) {
  const std::uint32_t sign = static_cast<std::uint32_t>(b & 0x8000u) << 16;
  std::uint32_t e = (b >> 10) & 0x1fu, m = b & 0x3ffu;
  if (e == 0x1fu) return std::bit_cast<float>(sign | 0x7f800000u | (m << 13));
  if (e == 0) {
    if (m == 0) return std::bit_cast<float>(sign);
    e = 113u;
    while (!(m & 0x400u)) m <<= 1, --e;
    return std::bit_cast<float>(sign | (e << 23) | ((m & 0x3ffu) << 13));
  }
  return std::bit_cast<float>(sign | ((e + 112u) << 23) | (m << 13));
}

/// Bytes of one element.
constexpr std::size_t byte_size(DType t) {
  constexpr std::uint8_t kBytes[kDTypeCount] = {1, 1, 2, 4, 8, 1, 2, 4, 8, 2, 2, 4, 8};
  return kBytes[static_cast<int>(t)];
}

/// The text form: "f32", "bool", ...
constexpr std::string_view name(DType t) {
  constexpr std::string_view kNames[kDTypeCount] = {"bool", "i8",  "i16", "i32",  "i64", "u8", "u16",
                                                    "u32",  "u64", "f16", "bf16", "f32", "f64"};
  return kNames[static_cast<int>(t)];
}

constexpr bool is_float(DType t) { return t >= DType::f16; }
constexpr bool is_signed_int(DType t) { return t >= DType::i8 && t <= DType::i64; }
constexpr bool is_unsigned_int(DType t) { return t >= DType::u8 && t <= DType::u64; }
constexpr bool is_int(DType t) { return t >= DType::i8 && t <= DType::u64; }

template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>) {
    return DType::bool_;
  } else if constexpr (std::is_same_v<T, float16>) {
    return DType::f16;
  } else if constexpr (std::is_same_v<T, bfloat16>) {
    return DType::bf16;
  } else if constexpr (std::is_same_v<T, float>) {
    return DType::f32;
  } else if constexpr (std::is_same_v<T, double>) {
    return DType::f64;
  } else {
    static_assert(std::is_integral_v<T>, "no DType stores this C++ type");
    constexpr int kLog2 = sizeof(T) == 1 ? 0 : sizeof(T) == 2 ? 1 : sizeof(T) == 4 ? 2 : 3;
    return static_cast<DType>((std::is_signed_v<T> ? 1 : 5) + kLog2);
  }
}

/// Calls f(T{}) with the C++ type that stores `t`, e.g. to instantiate one loop per dtype.
template <class F>
decltype(auto) visit_dtype(DType t, F&& f) {
  switch (t) {
    case DType::bool_: return f(bool{});
    case DType::i8: return f(std::int8_t{});
    case DType::i16: return f(std::int16_t{});
    case DType::i32: return f(std::int32_t{});
    case DType::i64: return f(std::int64_t{});
    case DType::u8: return f(std::uint8_t{});
    case DType::u16: return f(std::uint16_t{});
    case DType::u32: return f(std::uint32_t{});
    case DType::u64: return f(std::uint64_t{});
    case DType::f16: return f(float16{});
    case DType::bf16: return f(bfloat16{});
    case DType::f32: return f(float{});
    case DType::f64: return f(double{});
  }
  __builtin_unreachable();
}

}  // namespace leat
