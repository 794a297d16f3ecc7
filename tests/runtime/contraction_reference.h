// Plain loops that say what contractions mean, and ways to run plans, for the tests of contractions.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <thread>
#include <vector>

#include "runtime/cpu/contraction.h"
#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu::testing {

/// The instruction sets that this machine has code for.
inline std::vector<Isa> host_isas() {
  std::vector<Isa> isas;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa <= host_isa()) isas.push_back(isa);
  }
  return isas;
}

template <class T>
using Accumulator = std::conditional_t<std::is_same_v<T, float16> || std::is_same_v<T, bfloat16>, float,
                                       std::conditional_t<std::is_integral_v<T>, std::uint64_t, T>>;

template <class T>
Accumulator<T> multiply_add(T x, T y, Accumulator<T> sum) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<std::uint64_t>(x) * static_cast<std::uint64_t>(y) + sum;
  } else {
    return std::fma(static_cast<Accumulator<T>>(x), static_cast<Accumulator<T>>(y), sum);
  }
}

template <class T>
T finish(Accumulator<T> sum) {
  return static_cast<T>(sum);
}

/// A copy of some elements that begins at an odd address.
template <class T>
class UnalignedCopy {
 public:
  explicit UnalignedCopy(const std::vector<T>& values) : bytes_(values.size() * sizeof(T) + 2) {
    std::memcpy(data(), values.data(), values.size() * sizeof(T));
  }
  std::byte* data() { return bytes_.data() + (reinterpret_cast<std::uintptr_t>(bytes_.data()) % 2 + 1) % 2; }

 private:
  std::vector<std::byte> bytes_;
};

/// The bits, with every NaN alike.
template <class T>
std::uint64_t canonical(T v) {
  if constexpr (std::is_integral_v<T>) {
    return static_cast<std::uint64_t>(v);
  } else if constexpr (sizeof(T) == 2) {
    return std::isnan(static_cast<float>(v)) ? ~0ull : v.bits;
  } else if constexpr (sizeof(T) == 4) {
    return std::isnan(v) ? ~0ull : std::bit_cast<std::uint32_t>(v);
  } else {
    return std::isnan(v) ? ~0ull : std::bit_cast<std::uint64_t>(v);
  }
}

template <class T>
std::vector<T> reference_matmul(const MatmulDescriptor& d, const T* x, const T* y) {
  std::vector<T> out;
  for (std::int64_t b = 0; b < d.batch; ++b) {
    for (std::int64_t m = 0; m < d.m; ++m) {
      for (std::int64_t n = 0; n < d.n; ++n) {
        Accumulator<T> sum = 0;
        for (std::int64_t k = 0; k < d.k; ++k) {
          sum = multiply_add(x[b * d.x_batch_stride + m * d.x_m_stride + k * d.x_k_stride],
                             y[b * d.y_batch_stride + k * d.y_k_stride + n * d.y_n_stride], sum);
        }
        out.push_back(finish<T>(sum));
      }
    }
  }
  return out;
}

template <class T>
std::vector<T> random_values(std::size_t count, std::uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<T> values(count);
  for (T& v : values) {
    if constexpr (std::is_integral_v<T>) {
      v = static_cast<T>((static_cast<std::uint64_t>(random()) << 32) | random());
    } else {
      v = static_cast<T>(std::normal_distribution<float>()(random));
    }
  }
  return values;
}

class TestContext final : public StepContext {
 public:
  TestContext(const void* x, const void* y, void* out, const void* packed = nullptr)
      : uses_{x, y, out, packed} {
    pointers = const_cast<void* const*>(uses_);
  }
  void Poison(std::size_t, const Status&, std::size_t) override {}
  bool stopping() const override { return stop; }
  bool stop = false;

 private:
  const void* uses_[4];
};

/// Runs all panels in ranges of `grain` on `threads` threads.
inline Status run_plan(const ContractionPlan& plan, const void* x, const void* y, void* out,
                       std::int64_t grain = 1 << 30, int threads = 1) {
  std::vector<std::byte> packed(static_cast<std::size_t>(plan.packed_bytes));
  if (plan.pack != nullptr) {
    TestContext context(plan.pack_operand == 0 ? x : y, packed.data(), nullptr);
    for (std::int64_t u = plan.pack_units; u-- > 0;) {  // in any order
      if (Status s = plan.pack->Execute(context, u, u + 1); !s.ok()) return s;
    }
  }
  std::vector<std::thread> workers;
  std::vector<Status> statuses(static_cast<std::size_t>(threads));
  const auto work = [&](int t) {
    TestContext context(x, y, out, packed.data());
    for (std::int64_t i = t; i * grain < plan.units; i += threads) {
      const std::int64_t end = std::min(plan.units, (i + 1) * grain);
      Status s = plan.body->Execute(context, i * grain, end);
      if (!s.ok()) statuses[static_cast<std::size_t>(t)] = s;
    }
  };
  for (int t = 1; t < threads; ++t) workers.emplace_back(work, t);
  work(0);
  for (std::thread& w : workers) w.join();
  for (const Status& s : statuses) {
    if (!s.ok()) return s;
  }
  return {};
}

template <class T>
::testing::AssertionResult same_bits(const std::vector<T>& expected, const std::vector<T>& got) {
  if (expected.size() != got.size()) return ::testing::AssertionFailure() << "sizes differ";
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (canonical(expected[i]) != canonical(got[i])) {
      return ::testing::AssertionFailure()
             << "element " << i << " of " << got.size() << ": "
             << static_cast<double>(static_cast<Accumulator<T>>(got[i])) << " instead of "
             << static_cast<double>(static_cast<Accumulator<T>>(expected[i]));
    }
  }
  return ::testing::AssertionSuccess();
}

}  // namespace leat::runtime::cpu::testing
