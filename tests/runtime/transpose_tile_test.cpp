// Small transposes of every instruction set that the host runs: every element, and nothing beside the matrix.
#include "runtime/cpu/transpose_tile.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

#include "runtime/cpu/blocked_kernel.h"

namespace leat::runtime::cpu {
namespace {

template <class U, class F>
void expect_transposes(F f) {
  constexpr U kUntouched = 0x55;
  for (std::int64_t rows = 1; rows <= 40; ++rows) {
    for (std::int64_t columns = 1; columns <= 40; ++columns) {
      const std::int64_t from_stride = columns + rows % 3, to_stride = rows + columns % 4;
      std::vector<U> from(static_cast<std::size_t>(rows * from_stride));
      std::iota(from.begin(), from.end(), U{1});
      std::vector<U> want(static_cast<std::size_t>(columns * to_stride) + 8, kUntouched), got(want);
      for (std::int64_t i = 0; i < rows; ++i) {
        for (std::int64_t j = 0; j < columns; ++j) {
          want[static_cast<std::size_t>(j * to_stride + i)] =
              from[static_cast<std::size_t>(i * from_stride + j)];
        }
      }
      f(from.data(), from_stride, rows, columns, got.data(), to_stride);
      ASSERT_EQ(got, want) << rows << " x " << columns;
    }
  }
}

TEST(TransposeTile, AnyX86) {
  expect_transposes<std::uint8_t>(transpose<AnyX86, 16, std::uint8_t>);
  expect_transposes<std::uint16_t>(transpose<AnyX86, 16, std::uint16_t>);
  expect_transposes<std::uint32_t>(transpose<AnyX86, 16, std::uint32_t>);
  expect_transposes<std::uint64_t>(transpose<AnyX86, 16, std::uint64_t>);
}

TEST(TransposeTile, OfBlockedKernels) {
  for (const Isa isa : {Isa::avx2, Isa::avx512}) {
    if (host_isa() >= isa) expect_transposes<std::uint32_t>(blocked_kernel(isa)->transpose);
  }
}

}  // namespace
}  // namespace leat::runtime::cpu
