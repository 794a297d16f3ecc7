#define LEAT_MEANING_ISA tile_near_avx2
#include "runtime/cpu/tile_near_templates.h"

namespace leat::runtime::cpu {

constinit const ElementwiseTable kNear_avx2 = near_table();

}  // namespace leat::runtime::cpu
