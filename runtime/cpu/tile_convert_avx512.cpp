#define LEAT_MEANING_ISA tile_avx512
#include "runtime/cpu/tile_convert_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ConvertTable kConvert_avx512 = convert_table<Op::convert>(AllDTypes{});
constinit const ConvertTable kBitcast_avx512 = convert_table<Op::bitcast>(AllDTypes{});
constinit const TileLoop kRandomU32_avx512 = &run_random_bits<std::uint32_t>;
constinit const TileLoop kRandomU64_avx512 = &run_random_bits<std::uint64_t>;

}  // namespace leat::runtime::cpu
