// The tables of the tile tier's loops as they leave the files that were compiled for each instruction set.
//
// Constants; read them through tile_loops.h, which checks the processor first.
#pragma once

#include "runtime/cpu/tile_loops.h"

namespace leat::runtime::cpu {

#define LEAT_TILE_TABLES(isa)                          \
  extern const ElementwiseTable kArithmetic_##isa;     \
  extern const ElementwiseTable kTranscendental_##isa; \
  extern const ConvertTable kConvert_##isa;            \
  extern const ConvertTable kBitcast_##isa;            \
  extern const ReductionTable kReductions_##isa;       \
  extern const TileLoop kRandomU32_##isa;              \
  extern const TileLoop kRandomU64_##isa;
LEAT_TILE_TABLES(baseline)
LEAT_TILE_TABLES(avx2)
LEAT_TILE_TABLES(avx512)
#undef LEAT_TILE_TABLES
extern const ElementwiseTable kNear_avx2;
extern const ElementwiseTable kNear_avx512;

}  // namespace leat::runtime::cpu
