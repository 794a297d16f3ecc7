#include "compiler/frontend/dump.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <map>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "compiler/pipeline.h"
#include "tools/leat/page_extras.h"
#include "tools/leat/program_file.h"

namespace leat::tool {
namespace {

struct Options {
  ProgramFile file;
  DumpOptions what;
  std::string before, after;
  std::vector<std::string> diff;
  std::string format = "text", fold = "auto", constants = "64", code = "auto";
  bool list_passes = false;
  std::string output;
  int workers = 2;
  int devices = 1;
  int gpus = 0;
  std::string placement = "operands";
  bool fuse = true;
  bool exact = false;
  bool device_graphs = true;
};

compiler::CompileOptions compile_options(const Options& options) {
  compiler::CompileOptions compile;
  compile.fuse = options.fuse;
  compile.exact_contractions = options.exact;
  compile.device_graphs = options.device_graphs;
  compile.place_automatically = options.placement == kAutomaticPlacement;
  const runtime::cuda::GpuDescription gpu = *runtime::cuda::gpu_description(options.what.arch);
  compile.devices =
      describe_devices(options.devices, options.workers, {static_cast<std::size_t>(options.gpus), gpu});
  return compile;
}

void check_pass(const std::string& name) {
  std::string names;
  for (const compiler::Pass& pass : compiler::pipeline()) {
    if (pass.name == name) return;
    absl::StrAppend(&names, names.empty() ? "" : ", ", std::string(pass.name));
  }
  throw BadCall{absl::StrCat("there is no pass ", name, "; passes: ", names)};
}

Status list_passes(const Options& options, compiler::CodeCache& code) {
  std::string text;
  const auto line = [&](std::string name, const std::string& rest) {
    constexpr std::size_t kColumn = 34;
    name.resize(std::max(name.size() + 1, kColumn), ' ');
    text += name + rest + "\n";
  };
  if (options.file.path.empty()) {
    for (const compiler::Pass& pass : compiler::pipeline()) {
      line(std::string(pass.name),
           std::string(pass.what) +
               (pass.stage.empty() ? "" : "  [then stage " + std::string(pass.stage) + "]"));
    }
    return write_output(options.output, text);
  }
  const StatusOr<ir::Graph> graph = load_program(options.file, {.locate = true});
  if (!graph.ok()) return graph.status();
  const StatusOr<std::vector<frontend::PassRun>> runs =
      frontend::run_passes(*graph, compile_options(options), code);
  if (!runs.ok()) return runs.status();
  for (const frontend::PassRun& run : *runs) {
    line(run.name, run.ran ? absl::StrCat(run.nodes_before, " -> ", run.nodes_after, " nodes")
                           : std::string("not run: it could change nothing"));
  }
  return write_output(options.output, text);
}

Status dump(Options options) {
  const std::unique_ptr<compiler::CodeCache> code = compiler::make_code_cache({});
  if (options.list_passes) return list_passes(options, *code);
  if (options.file.path.empty()) throw BadCall{"dump: program is required; see leat dump --help"};
  if (!options.after.empty()) options.what.stage = "after:" + options.after;
  if (!options.before.empty()) options.what.stage = "before:" + options.before;
  const auto& format = options.what.format;
  const bool whole = format == DumpFormat::json || format == DumpFormat::html;
  // The first stage is the program as it was written: symbols and all, and no locations that it does not
  // have.
  const bool as_written =
      !whole && options.diff.empty() && (options.what.stage.empty() || options.what.stage == "graph");
  const StatusOr<ir::Graph> graph = as_written
                                        ? parse_program(options.file, {.locate = !options.what.focus.empty()})
                                        : load_program(options.file, {.locate = true});
  if (!graph.ok()) return graph.status();
  const compiler::CompileOptions compile = compile_options(options);
  StatusOr<std::string> text("");
  if (!options.diff.empty()) {
    text = frontend::diff(*graph, options.diff[0], options.diff[1], compile, *code);
  } else {
    text = frontend::dump(*graph, options.what, compile, *code,
                          whole ? page_extras(options.file) : frontend::PageExtras{});
  }
  if (!text.ok()) return text.status();
  return write_output(options.output, *text);
}

void check(Options* options) {
  const std::map<std::string_view, DumpFormat> formats = {
      {"text", DumpFormat::text}, {"dot", DumpFormat::dot}, {"json", DumpFormat::json},
      {"svg", DumpFormat::svg},   {"png", DumpFormat::png}, {"html", DumpFormat::html}};
  const std::map<std::string_view, Fold> folds = {
      {"auto", Fold::automatic}, {"none", Fold::none}, {"repeats", Fold::repeats}, {"scopes", Fold::scopes}};
  options->what.format = formats.at(options->format);
  options->what.fold = folds.at(options->fold);
  options->what.code = options->code == "none"  ? DumpCode::none
                       : options->code == "all" ? DumpCode::all
                                                : DumpCode::automatic;
  if (options->constants == "all") options->constants = "-1";
  if (!absl::SimpleAtoi(options->constants, &options->what.constants)) {
    throw BadCall{absl::StrCat("--constants ", options->constants, ": a number of elements, or all")};
  }
  if (!options->after.empty()) check_pass(options->after);
  if (!options->before.empty()) check_pass(options->before);
  constexpr std::string_view kTexts[] = {"kernels", "llvm", "asm", "ptx", "program", "memory"};
  for (const std::string& stage : options->diff) {
    const std::string_view name(stage);
    if (name == "graph" || name == "optimized" || name == "placed" || name == "fused") continue;
    if (std::find(std::begin(kTexts), std::end(kTexts), name) != std::end(kTexts)) {
      throw BadCall{absl::StrCat(
          "--diff ", stage,
          ": each such stage is a language of its own, of which no line stands in another; a "
          "difference is of graphs: graph, optimized, placed, fused, or passes (--list-passes)")};
    }
    check_pass(std::string(name.starts_with("after:")    ? name.substr(6)
                           : name.starts_with("before:") ? name.substr(7)
                                                         : name));
  }
}

}  // namespace

frontend::PageExtras page_extras(const ProgramFile& file) {
  frontend::PageExtras extras;
  if (file.path == "-" || file.path.ends_with(".onnx")) return extras;
  std::ifstream in(file.path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  constexpr std::size_t kMostBytes = 4 << 20;
  if (text.size() <= kMostBytes) extras.sources[file.path] = std::move(text);
  return extras;
}

void add_dump_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<Options>();
  CLI::App* command =
      app.add_subcommand("dump", "any stage of a program, as text, a picture, JSON or a page");
  add_program_options(command, &o->file);
  command->get_option("program")->required(false);
  CLI::Option* stage = command->add_option(
      "--stage", o->what.stage,
      "which stage: graph (the default), optimized, placed, fused, kernels, llvm, asm, ptx, "
      "program or memory; of json all, if none is given");
  stage->check(CLI::IsMember(
      {"graph", "optimized", "placed", "fused", "kernels", "llvm", "asm", "ptx", "program", "memory"}));
  CLI::Option* after =
      command->add_option("--after", o->after, "the graph behind this pass")->excludes(stage);
  CLI::Option* before = command->add_option("--before", o->before, "the graph before this pass")
                            ->excludes(stage)
                            ->excludes(after);
  command->add_option("--diff", o->diff, "what lies between two stages or passes: --diff graph optimized")
      ->expected(2)
      ->excludes(stage)
      ->excludes(after)
      ->excludes(before);
  command->add_flag("--list-passes", o->list_passes,
                    "the passes in order; of a program, what each did to it");
  command->add_option("--focus", o->what.focus,
                      "one value's cone: %12, s3 (step 3), b7 (buffer 7), a label, or a place (mlp.leat:8)");
  command->add_option("--depth", o->what.depth, "how far the cone reaches, up and down")
      ->check(CLI::Range(0, 1'000'000))
      ->capture_default_str();
  command
      ->add_option("--fold", o->fold,
                   "auto: over 200 nodes, repeated structure once and scopes as one line until it fits; or "
                   "none, repeats, scopes")
      ->check(CLI::IsMember({"auto", "none", "repeats", "scopes"}))
      ->capture_default_str();
  command->add_option("--unfold", o->what.unfold, "a scope that stays open: --unfold encoder/layer0");
  command->add_option("--constants", o->constants, "elide constants of more elements; all: none is elided")
      ->capture_default_str();
  command->add_option("--arch", o->what.arch, "the GPU that stage ptx and --gpus are for; none is needed")
      ->check(CLI::IsMember({"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"}))
      ->capture_default_str();
  command
      ->add_option("--format", o->format,
                   "text, dot, json, svg or png (both through Graphviz), or html: a page with every stage")
      ->check(CLI::IsMember({"text", "dot", "json", "svg", "png", "html"}))
      ->capture_default_str();
  command
      ->add_option(
          "--code", o->code,
          "LLVM IR, assembly and PTX of the kernels in formats html and json: auto (the page has that of "
          "48 kernels, up to 4 MiB), none or all")
      ->check(CLI::IsMember({"auto", "none", "all"}))
      ->capture_default_str();
  command->add_option("-o,--output", o->output, "write into this file");
  command->add_option("--workers", o->workers, "plan for this many workers")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  command->add_option("--devices", o->devices, "plan for cpu:0 and virtual CPUs")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--gpus", o->gpus, "and for gpu:0, ... of --arch, to which the program copies")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  add_placement_option(command, &o->placement);
  command->add_flag("!--no-fuse", o->fuse, "one op per kernel");
  command->add_flag("--exact-contractions", o->exact, "bit-equal to the interpreter");
  command->add_flag("!--no-device-graphs", o->device_graphs, "launch each kernel of a GPU by itself");
  command->footer(
      "Text that leaves something out begins with \"// not parsable\"; --fold=none --constants=all is "
      "whole.\n"
      "The JSON form is described in leat/dump.h.\n"
      "Example: leat dump examples/programs/mlp.leat --size n=32 --stage=fused\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --format=html -o mlp.html\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --diff graph optimized\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --stage=program --focus relu --depth 1\n"
      "         leat dump examples/programs/mlp.leat --size n=32 --stage=ptx --arch=sm_80\n"
      "         leat dump examples/programs/mlp.leat --size n=8192 --gpus 1 --placement=automatic "
      "--stage=placed\n"
      "         leat dump model.onnx --size batch=1 --stage=fused --format=svg -o model.svg");
  command->callback([o, status] {
    check(o.get());
    *status = dump(*o);
  });
}

}  // namespace leat::tool
