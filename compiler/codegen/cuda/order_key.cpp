#include "compiler/codegen/cuda/order_key.h"

namespace leat::compiler::codegen {
namespace {

/// The key of floating bits `u` of `width` bits, in a K.
template <class K>
Num<K> key_of_bits(Num<K> u, int width) {
  const K sign = K{1} << (width - 1), all = static_cast<K>((sign - 1) | sign);
  return select((u & Num<K>(sign)) != Num<K>(K{0}), u ^ Num<K>(all), u | Num<K>(sign));
}

template <class S>
llvm::Value* order_key(Num<S> x, bool descending, bool nan_last) {
  using K = std::conditional_t<sizeof(S) == 8, std::uint64_t, std::uint32_t>;
  Num<K> key;
  Flag nan;
  if constexpr (meaning::kIsHalf<Num<S>>) {
    const Num<K> u = cast<K>(bits(x));
    key = key_of_bits(u, 16);
    nan = (u & Num<K>(K{0x7fff})) > Num<K>(std::is_same_v<S, float16> ? K{0x7c00} : K{0x7f80});
  } else if constexpr (std::is_floating_point_v<S>) {
    key = key_of_bits(bits(x), 8 * sizeof(S));
    nan = x != x;
  } else if constexpr (std::is_signed_v<S>) {
    key = cast<K>(x) ^ Num<K>(K{1} << (8 * sizeof(K) - 1));
  } else {
    key = cast<K>(x);
  }
  if (descending) key = ~key;
  if (nan.v != nullptr) key = select(nan, Num<K>(nan_last ? ~K{0} : K{0}), key);
  return key.v;
}

}  // namespace

llvm::Value* emit_order_key(DType dtype, llvm::Value* x, bool descending, bool nan_last) {
  return visit_dtype(dtype, [&](auto s) { return order_key(Num<decltype(s)>(x), descending, nan_last); });
}

}  // namespace leat::compiler::codegen
