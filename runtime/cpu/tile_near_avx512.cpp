#define LEAT_MEANING_ISA tile_near_avx512
#include "runtime/cpu/tile_near_templates.h"

namespace leat::runtime::cpu {

constinit const ElementwiseTable kNear_avx512 = near_table();

}  // namespace leat::runtime::cpu
