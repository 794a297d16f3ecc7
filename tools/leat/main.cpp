// leat: how a person sees a program. Exit code 0; 1 where the program or its input is bad; 2 where the call
// is.
#include <CLI/CLI.hpp>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "tools/leat/commands.h"

namespace {

using leat::Status;
using namespace leat::tool;

void add_program(CLI::App* command, ProgramFile* file) {
  command->add_option("program", file->path, "a file of text IR, a model.onnx, or - for text from stdin")
      ->required();
  command->add_option("--size", file->sizes, "the extent of a symbolic dimension: --size n=32");
  command->add_option(
      "--value", file->values,
      "an input of a model whose value decides a shape, from a file: --value shape=shape.npy");
  command->add_flag("--external-data", file->external_data,
                    "tensors of a model may lie in other files of its folder");
}

void add_run_options(CLI::App* command, RunOptions* o) {
  add_program(command, &o->file);
  command->add_option("-i,--input", o->inputs, "an input from a file: -i x=x.npy");
  command->add_option("--fill", o->fill, "inputs without a file: normal, uniform, iota, ones, zeros")
      ->check(CLI::IsMember({"normal", "uniform", "iota", "ones", "zeros"}))
      ->capture_default_str();
  command->add_option("--seed", o->seed, "of the random fills")->capture_default_str();
  command->add_option("--workers", o->workers, "threads that compute; 0: all")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--devices", o->devices, "cpu:0 and virtual CPUs with memory of their own")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--tier", o->tier, "tiles, automatic or machine_code")
      ->check(CLI::IsMember({"tiles", "automatic", "machine_code"}))
      ->capture_default_str();
  command->add_flag("--exact-contractions", o->exact, "bit-equal to the interpreter");
  command->add_flag("--json", o->json, "for programs to read");
}

constexpr int kBadInput = 1, kBadCall = 2;

std::string explain(const CLI::App& app, int argc, char** argv, const CLI::ParseError& e) {
  const std::string command = argc > 1 ? argv[1] : "";
  bool known = command.empty() || command[0] == '-';
  std::string names;
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    known = known || sub->get_name() == command;
    names += (names.empty() ? "" : ", ") + sub->get_name();
  }
  if (!known) return "there is no command " + command + "; commands: " + names;
  return std::string(e.what()) + "; see leat " + (command.empty() || command[0] == '-' ? "" : command + " ") +
         "--help";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"leat: dump, run, time and trace programs of text IR and ONNX models"};
  app.require_subcommand(1);
  app.set_version_flag("--version", "leat " LEAT_VERSION);
  app.footer("leat COMMAND --help has the options and an example. Sample programs: examples/programs.");
  Status status;

  bool info_json = false;
  CLI::App* info_command = app.add_subcommand("info", "the machine, the libraries, and why one is absent");
  info_command->add_flag("--json", info_json, "for programs to read");
  info_command->footer("Example: leat info");
  info_command->callback([&] { status = info(info_json); });

  std::string pattern;
  bool ops_json = false;
  CLI::App* ops_command = app.add_subcommand("ops", "the op table");
  ops_command->add_option("pattern", pattern, "only ops whose name contains this");
  ops_command->add_flag("--json", ops_json, "for programs to read");
  ops_command->footer("Example: leat ops reduce");
  ops_command->callback([&] { status = list_ops(pattern, ops_json); });

  DumpOptions dump_options;
  CLI::App* dump_command = app.add_subcommand("dump", "any stage of a program, as text or as a picture");
  add_program(dump_command, &dump_options.file);
  dump_command->add_option("--stage", dump_options.stage, "which stage")
      ->check(CLI::IsMember(
          {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "ptx", "program", "memory"}))
      ->capture_default_str();
  dump_command
      ->add_option("--arch", dump_options.arch, "of stage ptx: the GPU that it is for; none is needed")
      ->check(CLI::IsMember({"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"}))
      ->capture_default_str();
  dump_command->add_option("--format", dump_options.format, "text or dot")
      ->check(CLI::IsMember({"text", "dot"}))
      ->capture_default_str();
  dump_command->add_option("--workers", dump_options.workers, "plan for this many workers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  dump_command->add_option("--devices", dump_options.devices, "plan for cpu:0 and virtual CPUs")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  dump_command->add_flag("!--no-fuse", dump_options.fuse, "one op per kernel");
  dump_command->add_flag("--exact-contractions", dump_options.exact, "bit-equal to the interpreter");
  dump_command->footer(
      "Example: leat dump examples/programs/mlp.leat --size n=32 --stage=fused\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --stage=ptx --arch=sm_80\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --stage=program --format=dot | dot -Tsvg > "
      "p.svg");
  dump_command->callback([&] { status = dump(dump_options); });

  RunOptions run_options;
  CLI::App* run_command = app.add_subcommand("run", "run a program and print or write its outputs");
  add_run_options(run_command, &run_options);
  run_command->add_option("-o,--output", run_options.outputs,
                          "an output to a file, by ordinal, or by a model's name: -o 0=y.npy");
  run_command->footer("Example: leat run examples/programs/mlp.leat --size n=32 -i x=x.npy -o 1=class.npy");
  run_command->callback([&] { status = run(run_options); });

  RunOptions bench_options;
  CLI::App* bench_command = app.add_subcommand("bench", "time a program: percentiles, compilation apart");
  add_run_options(bench_command, &bench_options);
  bench_command->add_option("-n,--repetitions", bench_options.repetitions, "timed runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  bench_command->footer("Example: leat bench examples/programs/softmax.leat --size n=256 -n 1000");
  bench_command->callback([&] { status = bench(bench_options); });

  RunOptions trace_options;
  CLI::App* trace_command = app.add_subcommand("trace", "a timeline of one run, for ui.perfetto.dev");
  add_run_options(trace_command, &trace_options);
  trace_command->add_option("-o,--output", trace_options.trace, "the file to write")->required();
  trace_command->footer("Example: leat trace examples/programs/mlp.leat --size n=4096 -o timeline.json");
  trace_command->callback([&] { status = trace(trace_options); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    if (e.get_exit_code() == 0) return app.exit(e);
    std::fprintf(stderr, "leat: %s\n", explain(app, argc, argv, e).c_str());
    return kBadCall;
  } catch (const BadCall& e) {
    std::fprintf(stderr, "leat: %s\n", e.message.c_str());
    return kBadCall;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "leat: %s\n", e.what());
    return kBadInput;
  }
  if (status.ok() && (std::fflush(stdout) != 0 || std::ferror(stdout) != 0)) {
    status = Status(leat::Code::failed_precondition, std::string("stdout: ") + std::strerror(errno));
  }
  if (status.ok()) return 0;
  std::fflush(stdout);
  std::fprintf(stderr, "leat: %s\n", status.ToString().c_str());
  return kBadInput;
}
