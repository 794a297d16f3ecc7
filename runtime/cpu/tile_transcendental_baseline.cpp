#define LEAT_MEANING_ISA tile_baseline
#include "runtime/cpu/tile_loop_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ElementwiseTable kTranscendental_baseline = elementwise_table<Share::transcendental>();

}  // namespace leat::runtime::cpu
