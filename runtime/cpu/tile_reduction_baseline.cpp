#define LEAT_MEANING_ISA tile_baseline
#include "runtime/cpu/tile_reduction_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ReductionTable kReductions_baseline = reduction_table();

}  // namespace leat::runtime::cpu
