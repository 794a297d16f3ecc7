// The floating-point environment that steps run in: round to nearest, nothing flushed, nothing trapped.
//
// A thread of the pool sets it once with set_default_fp_environment; a caller who lends its thread holds an
// FpScope, which puts the host's mode and sticky flags back.
#pragma once

#include <cfenv>
#include <cstdint>

namespace leat::runtime {

inline void set_default_fp_environment() {
  std::fesetenv(FE_DFL_ENV);
#if defined(__x86_64__)
  __builtin_ia32_ldmxcsr(0x1f80);  // FE_DFL_ENV may leave the flushing bits alone
#endif
}

#if defined(__x86_64__)
class FpScope {
 public:
  FpScope() : mxcsr_(__builtin_ia32_stmxcsr()) {
    asm volatile("fnstcw %0" : "=m"(x87_));
    if (mxcsr_ != kMxcsr) __builtin_ia32_ldmxcsr(kMxcsr);
    if (x87_ != kX87) asm volatile("fldcw %0" : : "m"(kX87));
  }
  ~FpScope() {
    if (__builtin_ia32_stmxcsr() != mxcsr_) __builtin_ia32_ldmxcsr(mxcsr_);
    if (x87_ != kX87) asm volatile("fldcw %0" : : "m"(x87_));
  }
  FpScope(const FpScope&) = delete;
  FpScope& operator=(const FpScope&) = delete;

 private:
  static constexpr std::uint32_t kMxcsr = 0x1f80;
  static constexpr std::uint16_t kX87 = 0x37f;
  std::uint32_t mxcsr_;
  std::uint16_t x87_ = 0;
};
#else
class FpScope {
 public:
  FpScope() {
    std::fegetenv(&saved_);
    std::fesetenv(FE_DFL_ENV);
  }
  ~FpScope() { std::fesetenv(&saved_); }
  FpScope(const FpScope&) = delete;
  FpScope& operator=(const FpScope&) = delete;

 private:
  std::fenv_t saved_;
};
#endif

}  // namespace leat::runtime
