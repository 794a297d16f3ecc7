// Checked arithmetic, implicit broadcast and dtype promotion: the rules that the frontend applies
// before it builds nodes.
#include <algorithm>

#include "ir/inference.h"
#include "ir/inference_rules.h"

namespace leat::ir {
namespace {

DType signed_of_bytes(std::size_t bytes) {
  return bytes == 2 ? DType::i16 : bytes == 4 ? DType::i32 : DType::i64;
}

}  // namespace

std::optional<std::int64_t> checked_mul(std::int64_t a, std::int64_t b) {
  std::int64_t product;
  if (a < 0 || b < 0 || __builtin_mul_overflow(a, b, &product)) return std::nullopt;
  return product;
}

std::optional<std::int64_t> checked_add(std::int64_t a, std::int64_t b) {
  std::int64_t sum;
  if (a < 0 || b < 0 || __builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

StatusOr<Shape> broadcast_shapes(const Shape& a, const Shape& b) {
  const Shape& longer = a.size() >= b.size() ? a : b;
  const Shape& shorter = a.size() >= b.size() ? b : a;
  const std::size_t lead = longer.size() - shorter.size();
  Shape result = longer;
  for (std::size_t i = 0; i < shorter.size(); ++i) {
    const std::int64_t p = longer[lead + i], q = shorter[i];
    if (q == 1) continue;
    if (p == 1) {
      result[lead + i] = q;
    } else if (match(p, q)) {
      result[lead + i] = merge(p, q);
    } else {
      return Status(
          Code::invalid_argument,
          cat("shapes ", a.ToString(), " and ", b.ToString(), " do not broadcast together (dimension ",
              lead + i, ": ", text({}, a.size() >= b.size() ? p : q), " against ",
              text({}, a.size() >= b.size() ? q : p), ")", numbered(Rule::broadcastable)));
    }
  }
  return result;
}

StatusOr<DType> promote(DType a, DType b) {
  if (a == b || b == DType::bool_) return a;
  if (a == DType::bool_) return b;
  if (is_float(a) && is_float(b)) {
    if (byte_size(a) == byte_size(b)) return DType::f32;  // f16 with bf16
    return byte_size(a) > byte_size(b) ? a : b;
  }
  if (is_float(a)) return a;
  if (is_float(b)) return b;
  if (is_signed_int(a) == is_signed_int(b)) return byte_size(a) > byte_size(b) ? a : b;
  const DType s = is_signed_int(a) ? a : b;
  const DType u = is_signed_int(a) ? b : a;
  if (byte_size(s) > byte_size(u)) return s;
  if (u == DType::u64) {
    return Status(Code::invalid_argument,
                  cat(leat::name(a), " and ", leat::name(b), " have no common dtype: convert one of them",
                      numbered(Rule::promotable)));
  }
  return signed_of_bytes(2 * byte_size(u));
}

}  // namespace leat::ir
