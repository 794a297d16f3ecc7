// The micro-kernel for any x86-64, the choice among instruction sets, and the scratch of a thread.
#include "runtime/cpu/micro_kernel.h"

#include <new>

#include "runtime/block.h"
#include "runtime/cpu/micro_kernel_block.h"

namespace leat::runtime::cpu {
namespace baseline {

/// One element at a time: correct anywhere, fast nowhere (fma is a library call).
template <class Element>
struct Scalar {
  using T = Element;
  using V = Element;
  using Mask = int;
  static constexpr int kLanes = 1, kRows = 4, kVectors = 4;
  static constexpr bool kFreeMasks = true;
  static constexpr bool kGuards = std::is_floating_point_v<Element>;
  static constexpr std::int64_t kKBlock = 256, kMBlock = 64, kNBlock = 256, kDirectRows = 12,
                                kDirectBytes = 16 << 10;
  static V zero() { return V(0); }
  static V set(T a) { return a; }
  static V load(const T* p) { return *p; }
  static void store(T* p, V v) { *p = v; }
  static V fma(V a, V b, V c) {
    if constexpr (std::is_same_v<T, float>) {
      return __builtin_fmaf(a, b, c);
    } else if constexpr (std::is_same_v<T, double>) {
      return __builtin_fma(a, b, c);
    } else {
      return a * b + c;
    }
  }
  static V select(V mask, V yes, V no) { return mask != V(0) ? yes : no; }
  static T lane_mask(bool on) { return on ? T(1) : T(0); }
  static Mask mask(int n) { return n; }
  static V load_masked(const T* p, Mask) { return *p; }
  static void store_masked(T* p, V v, Mask) { *p = v; }
  static void widen_f16(const float16* s, T* d, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) d[i] = static_cast<float>(read_unaligned(s + i));
  }
  static void narrow_f16(const T* s, float16* d, std::int64_t n) {
    for (std::int64_t i = 0; i < n; ++i) d[i] = float16(s[i]);
  }
  template <int kW>
  static std::int64_t transpose(const T* s, std::int64_t row_stride, std::int64_t k, T* d) {
    for (std::int64_t i = 0; i < k; ++i, d += kW) {
      for (int r = 0; r < kW; ++r) d[r] = read_unaligned(s + r * row_stride + i);
    }
    return k;
  }
};

}  // namespace baseline

namespace {

Isa detect_isa() {
  __builtin_cpu_init();
  const bool avx2 =
      __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  if (!avx2) return Isa::baseline;
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
  return avx512 ? Isa::avx512 : Isa::avx2;
}

}  // namespace

std::string_view name(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
  }
  return "unknown";
}

Isa host_isa() {
  static const Isa isa = detect_isa();
  return isa;
}

const MicroKernel& micro_kernel_baseline(DType dtype) {
  using baseline::Scalar;
  return kernel_of<Scalar<float>, Scalar<double>, Scalar<std::uint32_t>, Scalar<std::uint64_t>>(dtype);
}

const MicroKernel& micro_kernel(DType dtype, Isa isa) {
  switch (isa) {
    case Isa::baseline: return micro_kernel_baseline(dtype);
    case Isa::avx2: return micro_kernel_avx2(dtype);
    case Isa::avx512: return micro_kernel_avx512(dtype);
  }
  __builtin_unreachable();
}

std::byte* thread_scratch(std::int64_t bytes) {
  thread_local OwnedBlock scratch;
  const auto wanted = static_cast<std::size_t>(bytes);
  if (scratch.get_deleter().bytes < wanted) {
    scratch = OwnedBlock();  // before the next, so that there are never two
    scratch = make_block(wanted);
    if (scratch == nullptr) {
      scratch = OwnedBlock();
      throw std::bad_alloc();
    }
  }
  return scratch.get();
}

}  // namespace leat::runtime::cpu
