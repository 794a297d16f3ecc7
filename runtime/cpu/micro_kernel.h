// Our own matrix product on one block: exact, sequential in k, and fast.
//
// Every output is acc = +0, then acc = fma(x[m,k], y[k,n], acc) for k = 0, 1, ... in order, rounded once to
// the dtype at the end (f16 and bf16 accumulate in f32; integers wrap). Vectors run over n and register
// tiles over m and n, never over k, so no blocking, split or instruction set changes a bit.
//
// It is compiled ahead of time per storage type for a baseline, AVX2+FMA and AVX-512. Operands are
// packed into scratch of the calling thread (a few MB, kept until the thread ends); small ones are read in
// place.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "leat/dtype.h"

namespace leat::runtime::cpu {

enum class Isa : std::uint8_t { baseline, avx2, avx512 };
std::string_view name(Isa isa);
/// The widest set that this CPU and its operating system run.
Isa host_isa();

/// The columns of y are the patches of an image that a kernel sees: column = output position, row =
/// (channel, kernel position), both row-major. Absent elements (padding, input dilation) are skipped: the
/// accumulator does not change there. Leading spatial dimensions that do not exist are 1.
struct Patches {
  std::int64_t input[3], kernel[3], output[3];
  std::int64_t strides[3], low[3], input_dilation[3], dilation[3];
  bool padded = false;  // whether any element is absent
};

/// What of x decides if an absent element may be multiplied as zero (see micro_kernel_patches.h).
struct Magnitudes {
  bool finite = true;
  int ulp_exponent = 1 << 20;  // of the least nonzero magnitude
};

/// out[m,n] = sum_k x[m,k] y[k,n]; strides in elements, out row-major with rows out_stride apart. y may be at
/// any address where it is a matrix, and what pack_y and pack_x read too.
struct Block {
  std::int64_t m = 0, n = 0, k = 0;
  const void* x = nullptr;
  std::int64_t x_m_stride = 0, x_k_stride = 1;
  const void* y = nullptr;
  std::int64_t y_k_stride = 0, y_n_stride = 1;
  void* out = nullptr;
  std::int64_t out_stride = 0;

  /// The whole y as pack_y left it; the block is its columns from first_column (a multiple of
  /// tile_columns) on, out of packed_columns, a multiple too.
  const void* packed_y = nullptr;
  std::int64_t first_column = 0, packed_columns = 0;
  /// The whole x as pack_x left it (x itself must be there all the same); the block is its rows from
  /// packed_x_first_row (a multiple of tile_rows) on, out of packed_x_rows, a multiple too.
  const void* packed_x = nullptr;
  std::int64_t packed_x_first_row = 0, packed_x_rows = 0;
  /// y is the first channel of an image, and the block its patches from first_column on.
  const Patches* patches = nullptr;
  Magnitudes x_magnitudes;  // read only where patches->padded
};

/// The functions for one storage type and instruction set. Immutable; any thread.
struct MicroKernel {
  int tile_rows, tile_columns;  // the register tile
  int compute_bytes;            // of an accumulator and of a packed element
  void (*multiply)(const Block& block);
  /// Elements of the result of pack_y (pack_x): extents rounded up to whole tiles.
  std::int64_t (*packed_y_bytes)(std::int64_t n, std::int64_t k);
  std::int64_t (*packed_x_bytes)(std::int64_t m, std::int64_t k);
  /// Packs what of y (or x) has k in [first, last), all its columns (or rows); any threads may pack other
  /// parts meanwhile.
  void (*pack_y)(const Block& block, std::int64_t first, std::int64_t last, void* packed);
  void (*pack_x)(const Block& block, std::int64_t first, std::int64_t last, void* packed);
  /// Scans x of a block.
  Magnitudes (*scan_x)(const Block& block);
};

/// REQUIRES: the CPU runs `isa`, and the dtype is not bool.
const MicroKernel& micro_kernel(DType dtype, Isa isa);

/// Scratch of the calling thread, 64-byte aligned, at least `bytes`; the next call may move it. Grows only.
/// Throws std::bad_alloc.
std::byte* thread_scratch(std::int64_t bytes);

}  // namespace leat::runtime::cpu
