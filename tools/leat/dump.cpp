#include "compiler/frontend/dump.h"

#include <cstdio>

#include "tools/leat/program_file.h"

namespace leat::tool {

Status dump(const DumpOptions& options) {
  const frontend::DumpFormat format =
      options.format == "dot" ? frontend::DumpFormat::dot : frontend::DumpFormat::text;
  // The first stage is the program as it was written: symbols and all, and no locations that it does not
  // have.
  const bool as_written = options.stage == "graph";
  StatusOr<ir::Graph> graph =
      as_written ? parse_program(options.file, {}) : load_program(options.file, {.locate = true});
  if (!graph.ok()) return graph.status();
  compiler::CompileOptions compile;
  compile.fuse = options.fuse;
  compile.exact_contractions = options.exact;
  compile.devices = describe_devices(options.devices, options.workers);
  const std::unique_ptr<compiler::CodeCache> code = compiler::make_code_cache({});
  const std::string stage = options.stage == "ptx" ? "ptx:" + options.arch : options.stage;
  const StatusOr<std::string> text = frontend::dump(*graph, stage, compile, *code, format);
  if (!text.ok()) return text.status();
  std::fwrite(text->data(), 1, text->size(), stdout);
  return {};
}

}  // namespace leat::tool
