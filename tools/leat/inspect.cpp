#include "compiler/frontend/inspect.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "tools/leat/program_file.h"

namespace leat::tool {
namespace {

struct InspectOptions {
  ProgramFile file;
  int workers = 0;
  int devices = 1;
  int gpus = 0;
  std::string placement = "operands";
  std::string arch = "sm_90";
  int rows = 12;
  bool fuse = true;
  bool exact = false;
  bool json = false;
  std::string roofline = "cached";
};

// The CPU as the system calls it: what a cached roofline belongs to.
std::string cpu_name() {
  std::ifstream in("/proc/cpuinfo");
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 1);
  }
  return "";
}

std::filesystem::path cache_file() {
  const char* xdg = std::getenv("XDG_CACHE_HOME");
  const char* home = std::getenv("HOME");
  if (xdg != nullptr && *xdg == '/') return std::filesystem::path(xdg) / "leat" / "roofline.json";
  if (home != nullptr && *home == '/') return std::filesystem::path(home) / ".cache/leat/roofline.json";
  return {};
}

// A cache that cannot be read or written is as if there were none.
Roofline roofline(const std::string& how, Context& context) {
  const std::string machine =
      absl::StrCat(cpu_name(), ", ", context.worker_count(), " workers, leat " LEAT_VERSION);
  const std::filesystem::path path = cache_file();
  nlohmann::ordered_json all = nlohmann::ordered_json::object();
  if (std::ifstream in(path); in) {
    all = nlohmann::ordered_json::parse(in, nullptr, false);
    if (!all.is_object()) all = nlohmann::ordered_json::object();
  }
  if (how == "cached" && all.contains(machine) && all[machine].is_object()) {
    const auto& j = all[machine];
    const double operations = j.value("operations_per_second", 0.0), bytes = j.value("bytes_per_second", 0.0);
    if (operations > 0 && bytes > 0) {
      return {operations, bytes, absl::StrCat("from ", path.string(), " (--roofline=measure measures anew)")};
    }
  }
  const Roofline measured = measure_roofline(&context);
  all[machine] = {{"operations_per_second", measured.operations_per_second},
                  {"bytes_per_second", measured.bytes_per_second}};
  std::error_code error;
  std::filesystem::create_directories(path.parent_path(), error);
  const std::string part = absl::StrCat(path.string(), ".", ::getpid());
  if (std::ofstream(part) << all.dump(2) << "\n") std::filesystem::rename(part, path, error);
  return measured;
}

Status inspect(const InspectOptions& options) {
  std::vector<std::string> output_names;
  StatusOr<ir::Graph> graph = load_program(options.file, {.locate = true}, &output_names);
  if (!graph.ok()) return graph.status();
  Context context({.workers = options.workers, .cpu_devices = options.devices});
  compiler::CompileOptions compile;
  compile.fuse = options.fuse;
  compile.exact_contractions = options.exact;
  compile.place_automatically = options.placement == kAutomaticPlacement;
  const runtime::cuda::GpuDescription gpu = *runtime::cuda::gpu_description(options.arch);
  compile.devices = describe_devices(options.devices, context.worker_count(),
                                     {static_cast<std::size_t>(options.gpus), gpu});
  std::optional<Roofline> machine;
  if (options.roofline != "none") machine = roofline(options.roofline, context);
  const std::unique_ptr<compiler::CodeCache> code = compiler::make_code_cache({});
  const StatusOr<Inspection> seen = frontend::inspect(*graph, compile, *code, machine, output_names);
  if (!seen.ok()) return seen.status();
  const std::string text = options.json ? seen->ToJson() : seen->ToString(options.rows);
  std::fwrite(text.data(), 1, text.size(), stdout);
  return {};
}

}  // namespace

void add_inspect_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<InspectOptions>();
  CLI::App* command = app.add_subcommand("inspect", "what a program is made of, and what it costs");
  add_program_options(command, &o->file);
  command->add_option("--workers", o->workers, "plan for this many threads that compute; 0: all")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--devices", o->devices, "plan for cpu:0 and virtual CPUs")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command->add_option("--gpus", o->gpus, "and for gpu:0, ... of --arch, to which the program copies")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  command->add_option("--arch", o->arch, "the GPU that --gpus are; none is needed")
      ->check(CLI::IsMember({"sm_75", "sm_80", "sm_86", "sm_89", "sm_90", "sm_90a"}))
      ->capture_default_str();
  add_placement_option(command, &o->placement);
  command->add_flag("!--no-fuse", o->fuse, "one op per kernel");
  command->add_flag("--exact-contractions", o->exact, "bit-equal to the interpreter");
  command->add_option("--rows", o->rows, "rows of each table; 0: all")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command
      ->add_option("--roofline", o->roofline,
                   "what this machine reaches: cached (measured once, in half a second), measure, or none")
      ->check(CLI::IsMember({"cached", "measure", "none"}))
      ->capture_default_str();
  command->add_flag("--json", o->json, "for programs to read");
  command->footer(
      "Example: leat inspect examples/programs/mlp.leat --size n=32\n"
      "         leat inspect model.onnx --size batch=8 --rows=0");
  command->callback([o, status] { *status = inspect(*o); });
}

}  // namespace leat::tool
