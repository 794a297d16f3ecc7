// An exact real number (MPFR, 300 bits) and its one rounding to any dtype: the tests' own definition of both,
// which shares nothing with ir/meaning.
//
//   Exact x(1.5f);  mpfr_sqrt(x.get(), x.get(), MPFR_RNDN);  float16 h = x.Round<float16>();
// Not thread-safe: Round changes MPFR's exponent range for its duration.
#pragma once

#include <mpfr.h>

#include <cstdint>
#include <limits>
#include <type_traits>

#include "leat/dtype.h"

namespace leat {

class Exact {
 public:
  Exact() { mpfr_init2(x_, 300); }
  template <class S>
  explicit Exact(S value) : Exact() {
    if constexpr (std::is_same_v<S, float16> || std::is_same_v<S, bfloat16>) {
      mpfr_set_flt(x_, static_cast<float>(value), MPFR_RNDN);
    } else if constexpr (std::is_floating_point_v<S>) {
      mpfr_set_d(x_, value, MPFR_RNDN);
    } else if constexpr (std::is_signed_v<S>) {
      mpfr_set_si(x_, static_cast<long>(value), MPFR_RNDN);
    } else {
      mpfr_set_ui(x_, static_cast<unsigned long>(value), MPFR_RNDN);
    }
  }
  Exact(const Exact&) = delete;
  Exact& operator=(const Exact&) = delete;
  ~Exact() { mpfr_clear(x_); }
  mpfr_ptr get() { return x_; }
  double AsDouble() const { return mpfr_get_d(x_, MPFR_RNDN); }

  /// Rounded once, as `convert` says: to nearest even; to an integer truncated and saturated, NaN 0.
  template <class R>
  R Round() const {
    if constexpr (std::is_same_v<R, bool>) {
      return mpfr_nan_p(x_) || !mpfr_zero_p(x_);
    } else if constexpr (std::is_integral_v<R>) {
      using L = std::numeric_limits<R>;
      if (mpfr_nan_p(x_)) return 0;
      if (Less(L::min())) return L::min();
      if (!Less(L::max())) return L::max();
      return static_cast<R>(std::is_signed_v<R> ? mpfr_get_si(x_, MPFR_RNDZ)
                                                : static_cast<long>(mpfr_get_ui(x_, MPFR_RNDZ)));
    } else if constexpr (std::is_same_v<R, float16>) {
      return float16(static_cast<float>(RoundTo(11, -23, 16)));
    } else if constexpr (std::is_same_v<R, bfloat16>) {
      return bfloat16(static_cast<float>(RoundTo(8, -132, 128)));
    } else if constexpr (std::is_same_v<R, float>) {
      return static_cast<float>(RoundTo(24, -148, 128));
    } else {
      return RoundTo(53, -1073, 1024);
    }
  }

 private:
  template <class R>
  bool Less(R bound) const {
    return std::is_signed_v<R> ? mpfr_cmp_si(x_, static_cast<long>(bound)) < 0
                               : mpfr_cmp_ui(x_, static_cast<unsigned long>(bound)) < 0;
  }
  double RoundTo(int precision, int emin, int emax) const {
    const mpfr_exp_t old_min = mpfr_get_emin(), old_max = mpfr_get_emax();
    mpfr_t r;
    mpfr_init2(r, precision);
    mpfr_set_emin(emin);
    mpfr_set_emax(emax);
    int inexact = mpfr_set(r, x_, MPFR_RNDN);
    inexact = mpfr_check_range(r, inexact, MPFR_RNDN);
    mpfr_subnormalize(r, inexact, MPFR_RNDN);
    const double d = mpfr_get_d(r, MPFR_RNDN);  // exact
    mpfr_clear(r);
    mpfr_set_emin(old_min);
    mpfr_set_emax(old_max);
    return d;
  }
  mpfr_t x_;
};

}  // namespace leat
