// erf and erfinv.
//
// erf: an odd polynomial near 0, 1 - 2^q(|x|) beyond. erfinv: a polynomial in w = -log(1 - x^2) (the variable
// of Giles, "Approximating the erfinv function", 2010), the tail in sqrt(w), lazily.
#pragma once

#include "ir/meaning/exponential.h"
#include "ir/meaning/logarithm.h"

namespace leat::meaning {
inline namespace LEAT_MEANING_ISA {

template <Single V>
V erf_near(V u) {  // (erf x - x) / x, |x| <= 1.055
  return polynomial(u, 0x1.06eba8p-3f, -0x1.81273ap-2f, 0x1.ce2bf6p-4f, -0x1.b7e52p-6f, 0x1.535d54p-8f,
                    -0x1.9efc0cp-11f, 0x1.3b818ep-14f);
}
template <Double V>
V erf_near(V u) {  // |x| <= 1, 2^-56.2
  return polynomial(u, 0x1.06eba8214db68p-3, -0x1.812746b0379fdp-2, 0x1.ce2f21a04360fp-4,
                    -0x1.b82ce312ab099p-6, 0x1.565bcd126d384p-8, -0x1.c02db4921a6fdp-11,
                    0x1.f9a3341efe976p-14, -0x1.f4d31d4e62289p-17, 0x1.b9ed6eb7c5728p-20,
                    -0x1.5f8e2da05c7b4p-23, 0x1.fc0be2b393c7bp-27, -0x1.4525c7dca8129p-30,
                    0x1.25dda546e1b33p-34);
}
template <Single V>
V erfc_log2(V t) {  // log2(1 - erf t) + 2 t, t in [1.055, 3.95]
  return polynomial(t, 0x1.bf95f4p-12f, -0x1.a16536p0f + 2.0f, -0x1.d2cfaep-1f, -0x1.44dfd8p-3f,
                    0x1.377982p-5f, -0x1.bff6d6p-8f, 0x1.c02dfep-11f, -0x1.13dd44p-14f, 0x1.38c6c6p-19f);
}
template <Double V>
V erfc_log2(V t) {  // t in [1, 5.95], 2^-59.5
  return polynomial(t, -0x1.1b2b5df810f29p-22, -0x1.a0be569a2b45fp0 + 2.0, -0x1.d640844314531p-1,
                    -0x1.2f9471d61e2e2p-3, 0x1.c2eee7296c5e2p-6, 0x1.aa1ef2bf69a43p-12, -0x1.4ec364afc9f7p-9,
                    0x1.e5d818188d393p-11, -0x1.13fcf7c74c4c1p-14, -0x1.a7325e409f41dp-14,
                    0x1.0f64c91e595c7p-14, -0x1.8e23b67a8a775p-16, 0x1.a13641bee5026p-18,
                    -0x1.47ee3c35291a6p-20, 0x1.838964732b42fp-23, -0x1.4fe73e62de754p-26,
                    0x1.94505677f7942p-30, -0x1.2e4d8bda5f24fp-34, 0x1.a72956d476f84p-40);
}

template <Real V>
V erf(V x) {
  const V a = magnitude(x), round(FormatOf<V>::kRound);
  const V near = fmadd(a, erf_near(x * x), a);
  const V limit = constant<V>(3.95f, 5.95);  // beyond, 1
  const V t = select(limit < a, limit, a);
  const V q = fmadd(t, constant<V>(-2.0f, -2.0), erfc_log2(t));  // 2 t apart: smaller rounding errors
  const V m = q + round;
  const V c = exp2_poly(q - (m - round)) * power_of_two<V>(bits(m) - integer<V>(FormatOf<V>::kRoundBits));
  return copy_sign(select(a > constant<V>(1.055f, 1.0), constant<V>(1.0f, 1.0) - c, near), x);
}

/// erfinv(x) / x in w = -log(1 - x^2): near for w up to 5 or 6, far in s = sqrt(w) beyond. The constant terms
/// are pairs: their rounding would be the greatest error.
template <Single V>
V erfinv_near(V w) {  // 2^-27.098
  return V(0x1.805c5ep0f) + polynomial(w - V(2.5f), -0x1.b5ea46p-25f, 0x1.f91e8ap-3f, -0x1.11c506p-8f,
                                       -0x1.48650cp-10f, 0x1.c9e97p-13f, -0x1.4db186p-18f, -0x1.d0edap-19f,
                                       0x1.f6a6f8p-22f, 0x1.90e8acp-26f, -0x1.32e60ep-27f);
}
template <Single V>
V erfinv_far(V s) {  // 2^-25.108
  return V(0x1.6a9efcp1f) + polynomial(s - V(3.0f), -0x1.f8d49cp-27f, 0x1.006dc4p0f, 0x1.35800cp-7f,
                                       -0x1.f47f58p-8f, 0x1.74bcd2p-8f, -0x1.d7a884p-9f, 0x1.850aecp-10f,
                                       -0x1.d04df8p-15f, -0x1.440ac8p-12f, 0x1.e2a1bap-14f);
}
template <Double V>
V erfinv_near(V w) {  // 2^-54.355
  return V(0x1.9fa072ed72dbbp0) +
         polynomial(
             w - V(3.0), 0x1.9b497aff8d5e6p-54, 0x1.eedbebdce73e6p-3, -0x1.780def1d3f29p-8,
             -0x1.b6666b152b48ap-11, 0x1.9912c04a4122p-13, -0x1.aab13d1c4e645p-17, -0x1.d539ca07f6b7bp-20,
             0x1.e32b0d53cd981p-22, -0x1.96f822c842abdp-26, -0x1.77b3a3f637279p-28, 0x1.315594794133ep-30,
             -0x1.146b30158b40cp-35, -0x1.30dce21969f9ap-36, 0x1.7bd2eee3f806dp-39, 0x1.cf3822e6d0b89p-48,
             -0x1.dc620fcf740d2p-45, 0x1.c5c6b14869867p-48, 0x1.33bb2b81b9d1ep-52, -0x1.6bb7b0156814dp-53,
             0x1.f9a304a0ebcfp-57, 0x1.f247288d5bdfbp-60, -0x1.0b55e20f1c21p-61, 0x1.60e44f7aa8932p-68,
             0x1.05de4096aeb52p-67, -0x1.4bea50e81f1fap-72, -0x1.d10caab572152p-75);
}
template <Double V>
V erfinv_far(V s) {  // in two ranges, 2^-55.212 and 2^-57.078
  const V low =
      V(0x1.8abcc380d5a48p1) +
      polynomial(s - V(3.25), -0x1.909c9aead86cep-54, 0x1.0158a6d641d54p0, 0x1.5ffcfe5b6cc76p-8,
                 -0x1.ebadabb9fc6edp-9, 0x1.468eeca94cc8ap-9, -0x1.ba9240da57b63p-10, 0x1.f3cc5459ad0a3p-11,
                 -0x1.7448bc454bf67p-12, 0x1.932e9787910ffp-16, 0x1.1e6aa816b8365p-14, -0x1.8cf485c59b003p-15,
                 0x1.a2455d8e017adp-17, 0x1.89a678eaeb0dcp-19, -0x1.0b93ff298ac63p-18, 0x1.8d63dd42b18efp-20,
                 -0x1.9e88e9df4e5c9p-26, -0x1.04b92e7c59a93p-22, 0x1.1006e44ebc5efp-23,
                 -0x1.a68c037fab86fp-26, -0x1.88b28a6c49bf3p-27, 0x1.6986a55c4654ap-27,
                 -0x1.6854f778e656fp-30, -0x1.034ae9a158e43p-30);
  const V high =
      V(0x1.3664ddd1ad7fbp2) +
      polynomial(s - V(5.0), -0x1.7d113732fbc3dp-54, 0x1.02a30d1fba10bp0, -0x1.22ea5df1c7efcp-13,
                 -0x1.c2f36aa14ff9ep-13, 0x1.3ebf4efa2664bp-14, -0x1.4a34904a4be26p-16, 0x1.2fbcfe3f6cd42p-18,
                 -0x1.0a903094b2051p-20, 0x1.ebe28d6a5f5ap-23, -0x1.223930aedff51p-24, 0x1.f299b3a96bdbbp-26,
                 -0x1.055ca836c73e5p-26, 0x1.0c759e8b5eacep-27, -0x1.e5ceb4bc09abbp-29, 0x1.6ce08d3a8b89fp-30,
                 -0x1.a2216a1b5f5ffp-32, 0x1.0780d57720e35p-34, 0x1.fe261eaef2769p-37, -0x1.16bfd3a832782p-36,
                 0x1.a120576fb73abp-38, -0x1.0119fe87491bbp-40);
  return select(s > V(4.0), high, low);
}
template <Real V>
V erfinv(V x) {
  const V a = magnitude(x), one = constant<V>(1.0f, 1.0);
  const V w = -log_join(log_parts(fmadd(-a, a, one)));
  const V y =
      a * lazy(w > constant<V>(5.0f, 6.0), erfinv_near(w), [&] { return erfinv_far(square_root(w)); });
  return copy_sign(select(a < one, y, select(a == one, infinity<V>(), nan<V>())), x);
}

}  // namespace LEAT_MEANING_ISA
}  // namespace leat::meaning
