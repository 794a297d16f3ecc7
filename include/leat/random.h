// Random numbers: counter-based (Philox 4x32-10), so that they are the same on every machine.
//
// A Generator is a seed and a counter. Each call takes the next counter in program order, whatever
// order the values are computed in later. There is no global generator. One Generator is for one
// thread at a time; split() makes independent ones for others. In a compiled function the counter is a
// hidden input that advances per call.
//
//   Generator g(42);
//   Tensor x = g.normal({1000, 1000});
#pragma once

#include <cstdint>
#include <memory>

#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

namespace frontend {
struct GeneratorState {
  std::uint64_t seed = 0;
  std::uint64_t counter = 0;
};
}  // namespace frontend

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : state_(new frontend::GeneratorState{seed, 0}) {}
  Generator(const Generator& other) : state_(new frontend::GeneratorState(*other.state_)) {}
  Generator(Generator&& other) noexcept = default;
  Generator& operator=(const Generator& other) {
    *state_ = *other.state_;
    return *this;
  }

  /// Uniform over all values of u32 or u64: random_bits of the op table with key (seed, counter * 2^32).
  Tensor bits(const Shape& shape, DType dtype = DType::u32, SourceLocation where = SourceLocation::current());
  /// Uniform over [low, high). In [0, 1) it is exactly (bits >> 8) * 2^-24 of u32 bits for f32, f16 and
  /// bf16 (rounded down once into the narrow types' grids), (bits >> 11) * 2^-53 of u64 bits for f64;
  /// then low + u * (high - low), each operation rounded.
  Tensor uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::f32,
                 SourceLocation where = SourceLocation::current());
  /// Normal: mean + deviation * (sqrt(2) * erfinv(v)), v = 2 * u - 1 for u = ((bits >> 9) + 0.5) * 2^-23
  /// (f64: ((bits >> 12) + 0.5) * 2^-52), so that v is in the open interval (-1, 1). In f16 and bf16 it is
  /// computed in f32 and rounded once.
  Tensor normal(const Shape& shape, double mean = 0, double deviation = 1, DType dtype = DType::f32,
                SourceLocation where = SourceLocation::current());
  /// true with this probability: uniform < probability.
  Tensor bernoulli(const Shape& shape, double probability, SourceLocation where = SourceLocation::current());

  /// A generator whose numbers are independent of this one's. Takes one counter.
  Generator split();
  std::uint64_t seed() const { return state_->seed; }
  std::uint64_t counter() const { return state_->counter; }

 private:
  std::shared_ptr<frontend::GeneratorState> state_;  // shared with compiled functions that draw from it
};

}  // namespace leat
#pragma GCC visibility pop
