#define LEAT_MEANING_ISA tile_avx2
#include "runtime/cpu/tile_reduction_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ReductionTable kReductions_avx2 = reduction_table();

}  // namespace leat::runtime::cpu
