// Weak scalars: a C++ scalar takes the dtype of the tensor beside it, if that can hold it.
#include <cmath>
#include <cstring>
#include <limits>

#include "absl/strings/str_cat.h"
#include "compiler/frontend/build.h"
#include "runtime/engine/fp_environment.h"

namespace leat::frontend {
namespace {

std::string text(const Operand& s) {
  switch (s.kind()) {
    case Operand::Kind::boolean: return s.as_unsigned() != 0 ? "true" : "false";
    case Operand::Kind::signed_integer: return absl::StrCat(s.as_signed());
    case Operand::Kind::unsigned_integer: return absl::StrCat(s.as_unsigned());
    case Operand::Kind::real: return absl::StrCat(s.as_real());
    case Operand::Kind::tensor: break;
  }
  return "a tensor";
}

[[noreturn, gnu::cold]] void cannot_hold(const Operand& s, DType dtype, std::string_view op,
                                         const char* advice) {
  const std::string_view t = name(dtype);
  fail(Code::invalid_argument,
       absl::StrCat(absl::string_view(op.data(), op.size()), ": ", absl::string_view(t.data(), t.size()),
                    " cannot hold the scalar ", text(s), advice),
       s.where());
}

template <class T>
std::uint64_t bits_of(T value) {
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}

std::uint64_t encode_real_exactly(double value, DType dtype) {
  switch (dtype) {
    case DType::f64: return bits_of(value);
    case DType::f32: return bits_of(static_cast<float>(value));
    case DType::f16: {
      // Rounding to f32 first and then again could round twice: to odd keeps what the second needs.
      float f = static_cast<float>(value);
      if (static_cast<double>(f) != value && std::isfinite(value) && std::isfinite(f)) {
        std::uint32_t u = std::bit_cast<std::uint32_t>(f);
        if ((u & 1u) == 0) u = std::fabs(static_cast<double>(f)) > std::fabs(value) ? u - 1 : u | 1u;
        f = std::bit_cast<float>(u);
      }
      return float16(f).bits;
    }
    case DType::bf16: {
      float f = static_cast<float>(value);
      if (static_cast<double>(f) != value && std::isfinite(value) && std::isfinite(f)) {
        std::uint32_t u = std::bit_cast<std::uint32_t>(f);
        if ((u & 1u) == 0) u = std::fabs(static_cast<double>(f)) > std::fabs(value) ? u - 1 : u | 1u;
        f = std::bit_cast<float>(u);
      }
      return bfloat16(f).bits;
    }
    default: return 0;
  }
}

bool is_infinite(std::uint64_t bits, DType dtype) {
  switch (dtype) {
    case DType::f64: return std::isinf(std::bit_cast<double>(bits));
    case DType::f32: return std::isinf(std::bit_cast<float>(static_cast<std::uint32_t>(bits)));
    case DType::f16: return (bits & 0x7fffu) == 0x7c00u;
    case DType::bf16: return (bits & 0x7fffu) == 0x7f80u;
    default: return false;
  }
}

std::uint64_t mask(DType dtype) {
  const std::size_t bytes = byte_size(dtype);
  return bytes == 8 ? ~std::uint64_t{0} : (std::uint64_t{1} << (8 * bytes)) - 1;
}

// The host's thread may flush what is subnormal in f32. Asked of the bits: a flushing host compares those as
// zero.
std::uint64_t encode_real(double value, DType dtype) {
  constexpr std::uint64_t kLeastNormalF32 = 1023 - 126;
  if ((std::bit_cast<std::uint64_t>(value) >> 52 & 0x7ff) >= kLeastNormalF32) {
    return encode_real_exactly(value, dtype);
  }
  const runtime::FpScope scope;
  return encode_real_exactly(value, dtype);
}

}  // namespace

std::uint64_t encode_number(double value, DType dtype) {
  if (is_float(dtype)) return encode_real(value, dtype);
  if (dtype == DType::bool_) return value != 0 ? 1 : 0;
  if (is_unsigned_int(dtype)) return static_cast<std::uint64_t>(value) & mask(dtype);
  return static_cast<std::uint64_t>(static_cast<std::int64_t>(value)) & mask(dtype);
}

std::uint64_t encode_scalar(const Operand& s, DType dtype, std::string_view op) {
  using Kind = Operand::Kind;
  if (is_float(dtype)) {
    const double value = s.kind() == Kind::real             ? s.as_real()
                         : s.kind() == Kind::signed_integer ? static_cast<double>(s.as_signed())
                                                            : static_cast<double>(s.as_unsigned());
    const std::uint64_t bits = encode_real(value, dtype);
    if (is_infinite(bits, dtype) && !std::isinf(value)) {
      cannot_hold(s, dtype, op, ": it is beyond its largest finite value");
    }
    return bits;
  }
  if (s.kind() == Kind::real) {
    cannot_hold(s, dtype, op, ": a floating scalar needs a floating tensor (convert it with astype)");
  }
  if (dtype == DType::bool_) {
    if (s.kind() != Kind::boolean)
      cannot_hold(s, dtype, op, ": it takes true or false (convert it with astype)");
    return s.as_unsigned();
  }
  if (s.kind() == Kind::signed_integer && s.as_signed() < 0) {
    const std::int64_t least = is_unsigned_int(dtype) ? 0 : -1 - static_cast<std::int64_t>(mask(dtype) >> 1);
    if (s.as_signed() < least) cannot_hold(s, dtype, op, ": it is out of range");
    return static_cast<std::uint64_t>(s.as_signed()) & mask(dtype);
  }
  const std::uint64_t value = s.as_unsigned();  // of a non-negative signed one: the same bits
  const std::uint64_t greatest = is_unsigned_int(dtype) ? mask(dtype) : mask(dtype) >> 1;
  if (value > greatest) cannot_hold(s, dtype, op, ": it is out of range");
  return value;
}

}  // namespace leat::frontend
