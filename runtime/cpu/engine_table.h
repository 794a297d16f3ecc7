// Which engine a contraction gets: the first row that fits, else the micro-kernel.
//
// A function of dtype, shape and instruction set only, never of timing or threads, so that a program has the
// same bits on every run on one kind of machine. `exact` descriptors never come here.
#pragma once

#include <cstdint>

#include "leat/dtype.h"
#include "runtime/cpu/micro_kernel.h"

namespace leat::runtime::cpu {

enum class Contraction : std::uint8_t { matmul, convolution };

struct EngineRow {
  Contraction kind;
  DType dtype;
  Isa isa;
  std::int64_t least_rows;       // batch * m (matmul); output channels of a group (convolution)
  std::int64_t least_taps;       // kernel positions (convolution)
  double least_multiplications;  // of the whole contraction
};

/// Where oneDNN is used, on dense arrays. Measured with one thread; ratios are time of the micro-kernel /
/// time of oneDNN.
///
/// Zen 3, AVX2, f32 matmul (oneDNN 2.6.3, plain layouts, a busy machine), n = m = k:
///   8: 0.07 | 16: 0.17 | 32: 0.45 | 64: 0.92 | 256: 1.12 | 1000: 1.13 | 2048: 1.25
///   1 x 1024 x 1024: 1.35 | 32 x 1024 x 1024: 0.69 | 1024 x 1 x 1024: 3.3 (both times from memory or L3)
/// so there is no row for it: bits that no library decides are worth the rest.
///
/// Emerald Rapids, AVX-512, 2 MB of second-level cache: the same, constant y, any y (`leat bench --workers=1`
/// with a row for it and without, least times):
///   64: 1.07, 0.95 | 128: 1.14, 1.15 | 256: 1.08, 0.96 | 512: 1.03, 1.01
///   1000: 1.05, 1.06 | 2048: 1.07, 0.91
///   128 x 768 x 768: 1.16, 1.13 | 128 x 3072 x 768: 1.09, 0.43 | 128 x 768 x 3072: 1.20, 0.96
///   1024 x 768 x 768: 1.06, 1.33 | 1024 x 3072 x 768: 1.06, 0.36 | 1024 x 768 x 3072: 1.08, 0.76
/// oneDNN cannot be cut into panels of columns there without changing bits: BERT's 128 rows were one panel,
/// and the model took 150 ms on two threads with oneDNN, 91 without (least of three runs each).
///
/// Zen 3, AVX2, f32 convolution, one image, constant weights, reorders included (channels, extent, kernel):
///   3>64 224 7x7/2: 2.6 | 64 56 3x3: 1.5 | 128 28 3x3: 1.2 | 256 14 3x3: 1.2 | 512 7 3x3: 1.5
///   8 8 3x3: 1.8 | 16 16 3x3: 2.1 | 64>256 56 1x1: 0.85 | 1024>256 14 1x1: 0.86
/// so there it takes all but kernels of one position. bf16 has oneDNN kernels on AVX-512 only.
///
/// A convolution whose x or result is in blocks goes to the tiles of blocked_convolution.cpp before this
/// table is asked, where they take it (f32, one group or depthwise). Zen 3, blocks in and out, one
/// thread, G multiplications a second of the tiles / of oneDNN:
///   64 56 3x3: 38 / 44 | 128 28 3x3: 40 / 41 | 256 14 3x3: 45 / 44 | 512 7 3x3: 31 / 34
///   3>64 224 7x7/2: 46 / 46 | 128 56 3x3/2: 47 / 40 | 512 14 3x3/2: 31 / 34 | 64>256 56 1x1: 47 / 45
///   1024>256 14 1x1: 46 / 48 | 256>512 56 1x1/2: 39 / 31 | 512>2048 7 1x1: 45 / 39 | 24>144 56 1x1: 44 / 41
///   96>24 56 1x1: 47 / 38 | 16>96 112 1x1: 38 / 44 | 160>960 7 1x1: 47 / 46
///   depthwise 3x3: 96 112/2: 14 / 16 | 144 56: 23 / 28 | 960 7: 18 / 18
/// On average level; in whole models, where operands come from afar, ResNet-50 on one thread took 109 ms with
/// oneDNN's kernels and 103 with the tiles (least of 20 and 40 runs), whose bits no library decides.
inline constexpr EngineRow kOneDnnRows[] = {
    {Contraction::matmul, DType::bf16, Isa::avx512, 64, 0, 32.0 * 32 * 32},
    {Contraction::convolution, DType::f32, Isa::avx2, 1, 2, 0},
    {Contraction::convolution, DType::f32, Isa::avx512, 1, 0, 0},
    {Contraction::convolution, DType::bf16, Isa::avx512, 1, 0, 0},
};

constexpr bool prefers_onednn(Contraction kind, DType dtype, Isa isa, std::int64_t rows, std::int64_t taps,
                              double multiplications) {
  for (const EngineRow& row : kOneDnnRows) {
    if (row.kind == kind && row.dtype == dtype && row.isa == isa && rows >= row.least_rows &&
        taps >= row.least_taps && multiplications >= row.least_multiplications) {
      return true;
    }
  }
  return false;
}

}  // namespace leat::runtime::cpu
