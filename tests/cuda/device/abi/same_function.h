// Whether two functions are the same to a caller: for comparisons with NVIDIA's headers.
#pragma once

#include <cstddef>
#include <type_traits>

namespace leat::runtime::cuda {

enum class Class { pointer, integer };

template <class T>
constexpr Class class_of() {
  return std::is_pointer_v<T> ? Class::pointer : Class::integer;
}

// Pointers, or integers and enumerations of one size; what pointers point to likewise.
template <class Ours, class Theirs>
constexpr bool same_type() {
  if constexpr (std::is_pointer_v<Ours> && std::is_pointer_v<Theirs>) {
    using P = std::remove_pointer_t<Ours>;
    using Q = std::remove_pointer_t<Theirs>;
    if constexpr (std::is_function_v<P> || std::is_function_v<Q>)
      return std::is_function_v<P> == std::is_function_v<Q>;
    else if constexpr (std::is_void_v<P> || std::is_void_v<Q>)
      return std::is_void_v<P> && std::is_void_v<Q>;
    else if constexpr (
        requires { sizeof(P); } && requires { sizeof(Q); })
      return sizeof(P) == sizeof(Q) && std::is_const_v<P> == std::is_const_v<Q>;
    else
      return !requires { sizeof(P); };  // opaque to Leat
  } else {
    return class_of<Ours>() == class_of<Theirs>() && sizeof(Ours) == sizeof(Theirs);
  }
}

template <class Ours, class Theirs>
struct SameFunction;
template <class R, class... P, class S, class... Q>
struct SameFunction<R (*)(P...), S (*)(Q...)> {
  static constexpr bool value = [] {
    if constexpr (sizeof...(P) != sizeof...(Q))
      return false;
    else
      return same_type<R, S>() && (same_type<P, Q>() && ...);
  }();
};

}  // namespace leat::runtime::cuda
