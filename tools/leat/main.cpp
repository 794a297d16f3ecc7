// leat: how a person sees a program. Exit code 0; 1 where the input is bad; 2 where the call is.
#include <CLI/CLI.hpp>
#include <cstdio>

#include "tools/leat/commands.h"

namespace {

using leat::Status;
using namespace leat::tool;

void add_program(CLI::App* command, ProgramFile* file) {
  command->add_option("program", file->path, "a file of text IR, or - for stdin")->required();
  command->add_option("--size", file->sizes, "the extent of a symbolic dimension: --size n=32");
}

void add_run_options(CLI::App* command, RunOptions* o) {
  add_program(command, &o->file);
  command->add_option("-i,--input", o->inputs, "an input from a file: -i x=x.npy");
  command->add_option("--fill", o->fill, "inputs without a file: normal, uniform, iota, ones, zeros")
      ->check(CLI::IsMember({"normal", "uniform", "iota", "ones", "zeros"}))
      ->capture_default_str();
  command->add_option("--seed", o->seed, "of the random fills")->capture_default_str();
  command->add_option("--workers", o->workers, "threads that compute; 0: all")->capture_default_str();
  command->add_option("--tier", o->tier, "tiles, automatic or machine_code")
      ->check(CLI::IsMember({"tiles", "automatic", "machine_code"}))
      ->capture_default_str();
  command->add_flag("--exact-contractions", o->exact, "bit-equal to the interpreter");
  command->add_flag("--json", o->json, "for programs to read");
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"leat: dump, run, time and trace programs of text IR"};
  app.require_subcommand(1);
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
          {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "program", "memory"}))
      ->capture_default_str();
  dump_command->add_option("--format", dump_options.format, "text or dot")
      ->check(CLI::IsMember({"text", "dot"}))
      ->capture_default_str();
  dump_command->add_option("--workers", dump_options.workers, "plan for this many workers")
      ->capture_default_str();
  dump_command->add_flag("!--no-fuse", dump_options.fuse, "one op per kernel");
  dump_command->add_flag("--exact-contractions", dump_options.exact, "bit-equal to the interpreter");
  dump_command->footer(
      "Example: leat dump layer.leat --stage=fused\n         leat dump layer.leat --stage=program "
      "--format=dot | dot -Tsvg > p.svg");
  dump_command->callback([&] { status = dump(dump_options); });

  RunOptions run_options;
  CLI::App* run_command = app.add_subcommand("run", "run a program and print or write its outputs");
  add_run_options(run_command, &run_options);
  run_command->add_option("-o,--output", run_options.outputs, "an output to a file, by ordinal: -o 0=y.npy");
  run_command->footer("Example: leat run layer.leat -i x=x.npy -o 0=y.npy --size n=32");
  run_command->callback([&] { status = run(run_options); });

  RunOptions bench_options;
  CLI::App* bench_command = app.add_subcommand("bench", "time a program: percentiles, compilation apart");
  add_run_options(bench_command, &bench_options);
  bench_command->add_option("-n,--repetitions", bench_options.repetitions, "timed runs")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  bench_command->footer("Example: leat bench layer.leat --size n=256 -n 1000");
  bench_command->callback([&] { status = bench(bench_options); });

  RunOptions trace_options;
  CLI::App* trace_command = app.add_subcommand("trace", "a timeline of one run, for ui.perfetto.dev");
  add_run_options(trace_command, &trace_options);
  trace_command->add_option("-o,--output", trace_options.trace, "the file to write")->required();
  trace_command->footer("Example: leat trace layer.leat --size n=256 -o timeline.json");
  trace_command->callback([&] { status = trace(trace_options); });

  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "leat: %s\n", e.what());
    return 1;
  }
  if (status.ok()) return 0;
  std::fprintf(stderr, "leat: %s\n", status.ToString().c_str());
  return 1;
}
