#include "compiler/align_constants.h"

#include <vector>

#include "runtime/page_out.h"

namespace leat::compiler {

void align_constants(runtime::Program& program) {
  std::vector<bool> must(program.buffers.size(), false);
  for (const std::uint32_t b : program.outputs) must[b] = true;
  for (const runtime::Step& step : program.steps) {
    for (std::size_t u = 0; u < step.uses.size(); ++u) {
      if (step.body != nullptr && !step.body->ReadsUnaligned(u)) must[step.uses[u].buffer] = true;
    }
  }
  for (std::size_t b = 0; b < must.size(); ++b) {
    runtime::BufferInfo& info = program.buffers[b];
    if (!must[b] || info.kind != runtime::BufferInfo::Kind::constant) continue;
    const ir::Literal given{info.type, info.data};
    info.data = ir::aligned(given).bytes;
    if (info.data != given.bytes) runtime::page_out(given.bytes.get(), info.bytes);
  }
}

}  // namespace leat::compiler
