// Prices of European options after Black and Scholes (1973), a million at once in f64:
//   call = S N(d1) - K e^(-rT) N(d2),  put = K e^(-rT) N(-d2) - S N(-d1),
//   d1 = (log(S / K) + (r + v^2 / 2) T) / (v sqrt(T)),  d2 = d1 - v sqrt(T),  N the normal distribution.
// The whole formula becomes one kernel over five arrays.
#include <algorithm>
#include <cmath>
#include <numbers>

#include "check.h"
#include "leat/leat.h"

using leat::Tensor;

struct Prices {
  Tensor call, put;
};

Tensor normal_distribution(const Tensor& x) { return 0.5 * (1 + leat::erf(x * (1 / std::numbers::sqrt2))); }

Prices black_scholes(const Tensor& s, const Tensor& k, const Tensor& t, double r, double v) {
  const Tensor spread = v * leat::sqrt(t);
  const Tensor d1 = (leat::log(s / k) + (r + v * v / 2) * t) / spread, d2 = d1 - spread;
  const Tensor discounted = k * leat::exp(-r * t);
  return {s * normal_distribution(d1) - discounted * normal_distribution(d2),
          discounted * normal_distribution(-d2) - s * normal_distribution(-d1)};
}

// One call in plain C++, with the library's erfc.
double scalar_call(double s, double k, double t, double r, double v) {
  const auto n = [](double x) { return 0.5 * std::erfc(-x / std::numbers::sqrt2); };
  const double d1 = (std::log(s / k) + (r + v * v / 2) * t) / (v * std::sqrt(t)), d2 = d1 - v * std::sqrt(t);
  return s * n(d1) - k * std::exp(-r * t) * n(d2);
}

int main() {
  constexpr std::int64_t kOptions = 1'000'000;
  constexpr double kRate = 0.03, kVolatility = 0.25;
  leat::Generator random(7);
  const Tensor s = random.uniform({kOptions}, 20, 120, leat::DType::f64);
  const Tensor k = random.uniform({kOptions}, 20, 120, leat::DType::f64);
  const Tensor t = random.uniform({kOptions}, 0.1, 3, leat::DType::f64);
  const Prices p = black_scholes(s, k, t, kRate, kVolatility);

  // Put-call parity: call - put = S - K e^(-rT).
  const Tensor parity = leat::max(leat::abs((p.call - p.put) - (s - k * leat::exp(-kRate * t))));
  leat::eval(p.call, p.put, s, k, t, parity);  // one run: shared parts are computed once
  std::printf("parity holds to %.3g\n", parity.item<double>());
  CHECK(parity.item<double>() < 1e-12);

  double worst = 0;
  const auto S = s.data<double>(), K = k.data<double>(), T = t.data<double>(), C = p.call.data<double>();
  for (std::size_t i = 0; i < C.size(); i += 97) {
    worst = std::max(worst, std::fabs(C[i] - scalar_call(S[i], K[i], T[i], kRate, kVolatility)));
  }
  std::printf("largest difference from the scalar formula: %.3g\n", worst);
  CHECK(worst < 1e-12);
  CHECK(leat::min(p.call).item<double>() > -1e-12);
}
