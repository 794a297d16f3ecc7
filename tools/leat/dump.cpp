#include "compiler/frontend/dump.h"

#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/leat/program_file.h"

namespace leat::tool {
namespace {

struct DumpOptions {
  ProgramFile file;
  std::string stage = "graph";
  std::string arch = "sm_90";  // of stage ptx
  std::string format = "text";
  int workers = 2;
  int devices = 1;
  int gpus = 0;
  bool fuse = true;
  bool exact = false;
};

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
  const StatusOr<runtime::cuda::GpuDescription> gpu = runtime::cuda::gpu_description(options.arch);
  if (!gpu.ok()) return gpu.status();
  compile.devices =
      describe_devices(options.devices, options.workers, {static_cast<std::size_t>(options.gpus), *gpu});
  const std::unique_ptr<compiler::CodeCache> code = compiler::make_code_cache({});
  const std::string stage = options.stage == "ptx" ? "ptx:" + options.arch : options.stage;
  const StatusOr<std::string> text = frontend::dump(*graph, stage, compile, *code, format);
  if (!text.ok()) return text.status();
  std::fwrite(text->data(), 1, text->size(), stdout);
  return {};
}

}  // namespace

void add_dump_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<DumpOptions>();
  CLI::App* command = app.add_subcommand("dump", "any stage of a program, as text or as a picture");
  add_program_options(command, &o->file);
  command->add_option("--stage", o->stage, "which stage")
      ->check(CLI::IsMember(
          {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "ptx", "program", "memory"}))
      ->capture_default_str();
  command->add_option("--arch", o->arch, "the GPU that stage ptx and --gpus are for; none is needed")
      ->check(CLI::IsMember({"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"}))
      ->capture_default_str();
  command->add_option("--format", o->format, "text or dot")
      ->check(CLI::IsMember({"text", "dot"}))
      ->capture_default_str();
  command->add_option("--workers", o->workers, "plan for this many workers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--devices", o->devices, "plan for cpu:0 and virtual CPUs")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--gpus", o->gpus, "and for gpu:0, ... of --arch, to which the program copies")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_flag("!--no-fuse", o->fuse, "one op per kernel");
  command->add_flag("--exact-contractions", o->exact, "bit-equal to the interpreter");
  command->footer(
      "Example: leat dump examples/programs/mlp.leat --size n=32 --stage=fused\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --stage=ptx --arch=sm_80\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --stage=program --format=dot | dot -Tsvg > "
      "p.svg");
  command->callback([o, status] { *status = dump(*o); });
}

}  // namespace leat::tool
