#define LEAT_MEANING_ISA tile_avx512
#include "runtime/cpu/tile_reduction_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ReductionTable kReductions_avx512 = reduction_table();

}  // namespace leat::runtime::cpu
