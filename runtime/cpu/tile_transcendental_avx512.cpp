#define LEAT_MEANING_ISA tile_avx512
#include "runtime/cpu/tile_loop_templates.h"
#include "runtime/cpu/tile_tables.h"

namespace leat::runtime::cpu {

constinit const ElementwiseTable kTranscendental_avx512 = elementwise_table<Share::transcendental>();

}  // namespace leat::runtime::cpu
