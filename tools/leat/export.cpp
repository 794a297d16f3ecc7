#include <CLI/CLI.hpp>

#include "compiler/frontend/graph_state.h"
#include "compiler/pipeline.h"
#include "leat/onnx.h"
#include "tools/leat/program_file.h"

namespace leat::tool {
namespace {

struct ExportOptions {
  ProgramFile file;
  std::string output;
  bool optimized = false;
};

Status write_model(const ExportOptions& options) {
  onnx::SaveOptions save;
  StatusOr<ir::Graph> graph = load_program(options.file, {.locate = true}, &save.output_names);
  if (!graph.ok()) return graph.status();
  if (options.optimized) {
    compiler::CompileOptions compile;
    compile.observe = [&](std::string_view stage, const ir::Graph& at) {
      if (stage == "optimized") *graph = at;
    };
    const StatusOr<ir::Graph> whole = compiler::run_pipeline(ir::Graph(*graph), compile);
    if (!whole.ok()) return whole.status();
  }
  return onnx::save(
      Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{*std::move(graph)})),
      options.output, save);
}

}  // namespace

void add_export_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<ExportOptions>();
  CLI::App* command =
      app.add_subcommand("export", "write a program as an ONNX model, for Netron and other runtimes");
  add_program_options(command, &o->file);
  command->add_option("-o,--output", o->output, "the .onnx file")->required();
  command->add_flag("--optimized", o->optimized, "as the compiler's passes leave it before fusion");
  command->footer(
      "Operator set 18. What ONNX has no operator for is made of others with the same bits, or is an error "
      "that\n"
      "names the op.\n"
      "Example: leat export examples/programs/mlp.leat --size n=32 -o mlp.onnx\n"
      "         leat export model.onnx --size batch=1 --optimized -o optimized.onnx");
  command->callback([o, status] { *status = write_model(*o); });
}

}  // namespace leat::tool
