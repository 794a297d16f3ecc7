#define LEAT_MEANING_ISA tile_avx2
#include "runtime/cpu/tile_loop_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ElementwiseTable kArithmetic_avx2 = elementwise_table<Share::arithmetic>();

}  // namespace leat::runtime::cpu
