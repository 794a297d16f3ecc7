// Runs kernels as machine code and compares every buffer and fault flag with the slow way, bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "compiler/code_cache.h"
#include "tests/runtime/random_kernel.h"

namespace leat::compiler {

using runtime::KernelCase;
using runtime::Random;
using Level = ir::Kernel::Level;
using Pattern = ir::Kernel::Pattern;

/// A cache per vector width, shared by the tests of this program. 512 works on every host: what has no
/// registers of a width works with several.
inline CodeCache& cache_of(int vector_bits) {
  static auto* caches = new std::map<int, std::unique_ptr<CodeCache>>;
  std::unique_ptr<CodeCache>& cache = (*caches)[vector_bits];
  if (cache == nullptr) {
    CodeOptions options;
    options.vector_bits = vector_bits;
    cache = make_code_cache(std::move(options));
  }
  return *cache;
}

/// Runs `c` in ranges split at `cuts`. `expected` was run by run_slowly.
inline void expect_same(const KernelCase& c, const KernelCase& expected, int vector_bits,
                        std::vector<std::int64_t> cuts) {
  KernelCase actual = c;
  CodeCache& cache = cache_of(vector_bits);
  const auto code = cache.Get(c.kernel);
  const Status status = cache.CompileNow(code);
  ASSERT_TRUE(status.ok()) << status.ToString() << "\n" << ir::print(c.kernel);
  ASSERT_TRUE(code->compiled());
  const ir::KernelLaunch launch = actual.Launch();
  cuts.push_back(c.parallel());
  std::int64_t begin = 0;
  for (std::int64_t end : cuts) {
    code->function()(&launch, begin, end);
    begin = end;
  }
  std::string sizes;
  for (std::int64_t n : c.sizes) sizes += " " + std::to_string(n);
  for (const ir::Kernel::Output& output : c.kernel.outputs) {
    const DType dtype = c.kernel.dtype(output.value);
    const auto& want = expected.buffers[output.slot];
    const auto& got = actual.buffers[output.slot];
    const auto count = static_cast<std::int64_t>(want.size() / byte_size(dtype));
    const std::int64_t at = runtime::first_difference(dtype, want.data(), got.data(), count);
    if (at < 0) continue;
    std::uint64_t w = 0, g = 0;
    std::memcpy(&w, want.data() + static_cast<std::size_t>(at) * byte_size(dtype), byte_size(dtype));
    std::memcpy(&g, got.data() + static_cast<std::size_t>(at) * byte_size(dtype), byte_size(dtype));
    ADD_FAILURE() << vector_bits << " bits, %" << output.value << "[" << at << "]: want " << std::hex << w
                  << ", got " << g << std::dec << "; sizes" << sizes << "\n"
                  << ir::print(c.kernel);
  }
  EXPECT_EQ(expected.faults, actual.faults) << vector_bits << " bits, sizes" << sizes << "\n"
                                            << ir::print(c.kernel);
}

inline void expect_exact(const KernelCase& c, std::vector<int> widths,
                         const std::vector<std::int64_t>& cuts) {
  ASSERT_EQ(ir::check(c.kernel), "") << ir::print(c.kernel);
  KernelCase expected = c;
  run_slowly(expected);
  for (int bits : widths) expect_same(c, expected, bits, cuts);
}

}  // namespace leat::compiler
