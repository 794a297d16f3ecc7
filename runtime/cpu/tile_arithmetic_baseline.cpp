#define LEAT_MEANING_ISA tile_baseline
#include "runtime/cpu/tile_loop_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ElementwiseTable kArithmetic_baseline = elementwise_table<Share::arithmetic>();

}  // namespace leat::runtime::cpu
