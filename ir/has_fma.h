// Whether the files named *_avx2.cpp of this floor may be called.
#pragma once

namespace leat::ir {

inline bool has_fma() {
  static const bool kHas = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  return kHas;
}

}  // namespace leat::ir
