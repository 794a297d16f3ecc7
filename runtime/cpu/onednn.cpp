// oneDNN behind the adapter; see onednn.h.
#include <dnnl.hpp>
#include <string>

#include "runtime/cpu/contraction.h"

namespace leat::runtime::cpu {

std::string describe_contraction_library() {
  const dnnl_version_t* v = dnnl_version();
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." +
         std::to_string(v->patch);
}

}  // namespace leat::runtime::cpu
