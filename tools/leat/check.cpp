#include <CLI/CLI.hpp>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "compiler/check_graph.h"
#include "tools/leat/session.h"

namespace leat::tool {
namespace {

struct CheckOptions {
  SessionOptions session;
  int rounds = 1;
  bool json = false;
};

Status check(const CheckOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = Session::Open(options.session);
  if (!session.ok()) return session.status();
  for (int round = 0; round < options.rounds; ++round) {
    InputFiles inputs = options.session.inputs;
    inputs.seed += static_cast<std::uint64_t>(round);
    const StatusOr<std::vector<ir::Array>> arrays = load_inputs((*session)->graph, inputs);
    if (!arrays.ok()) return arrays.status();
    const StatusOr<compiler::CheckReport> report = compiler::check_graph(
        (*session)->graph, *arrays, (*session)->compile_options, *(*session)->code, *(*session)->engine);
    if (!report.ok()) return report.status();
    if (options.json) {
      nlohmann::ordered_json j;
      j["agrees"] = report->agrees();
      j["seed"] = inputs.seed;
      j["values"] = report->values;
      j["elements"] = report->elements;
      j["rounded"] = report->rounded;
      if (!report->fault.ok()) j["fault"] = report->fault.ToString();
      if (report->divergence) {
        j["node"] = report->divergence->text;
        j["difference"] = report->divergence->difference;
        j["pass"] = report->divergence->pass;
        j["when_fused"] = report->divergence->when_fused;
      }
      std::printf("%s\n", j.dump(2).c_str());
    } else {
      std::printf("seed %llu: %s\n", static_cast<unsigned long long>(inputs.seed),
                  report->ToString().c_str());
    }
    if (!report->agrees()) {
      return Status(Code::internal,
                    options.session.file.path +
                        ": the compiled program differs from the interpreter; leat reduce makes "
                        "the smallest program that does");
    }
  }
  return {};
}

}  // namespace

void add_check_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<CheckOptions>();
  CLI::App* command = app.add_subcommand("check", "compare the compiled program with the interpreter");
  add_session_options(command, &o->session);
  command->add_option("--rounds", o->rounds, "random inputs of so many seeds")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command->add_flag("--json", o->json, "for programs to read");
  command->footer(
      "Every value is compared to the bit with what the interpreter makes of the same operands; what a "
      "library\n"
      "contracts may be off by the bound of its rounding, or not at all with --exact-contractions. Inputs "
      "that\n"
      "are indices are filled in range. Exit code 1 where they differ: the first such node is printed with "
      "its\n"
      "source, and the pass that changed the meaning.\n"
      "Example: leat check examples/programs/mlp.leat --size n=32 --rounds 10\n"
      "         leat check model.onnx --size batch=2 --exact-contractions");
  command->callback([o, status] { *status = check(*o); });
}

}  // namespace leat::tool
