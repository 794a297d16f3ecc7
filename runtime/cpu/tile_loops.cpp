#include "runtime/cpu/tile_loops.h"

#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {
namespace {

bool has_avx2() {
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
}

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}

#define LEAT_TILE_LOOPS(isa, near)                                                                          \
  TileLoops {                                                                                               \
#isa, &kArithmetic_##isa, &kTranscendental_##isa, &kConvert_##isa, &kBitcast_##isa, &kReductions_##isa, \
        kRandomU32_##isa, kRandomU64_##isa, near                                                            \
  }

}  // namespace

const TileLoops& baseline_tile_loops() {
  static const TileLoops kLoops = LEAT_TILE_LOOPS(baseline, nullptr);
  return kLoops;
}

const TileLoops* avx2_tile_loops() {
  static const TileLoops kLoops = LEAT_TILE_LOOPS(avx2, &kNear_avx2);
  static const bool kHas = has_avx2();
  return kHas ? &kLoops : nullptr;
}

const TileLoops* avx512_tile_loops() {
  static const TileLoops kLoops = LEAT_TILE_LOOPS(avx512, &kNear_avx512);
  static const bool kHas = has_avx512();
  return kHas ? &kLoops : nullptr;
}
#undef LEAT_TILE_LOOPS

const TileLoops& host_tile_loops() {
  static const TileLoops& kLoops = avx512_tile_loops() != nullptr ? *avx512_tile_loops()
                                   : avx2_tile_loops() != nullptr ? *avx2_tile_loops()
                                                                  : baseline_tile_loops();
  return kLoops;
}

}  // namespace leat::runtime::cpu
