#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/frontend/npy_file.h"
#include "ir/printer.h"
#include "tools/leat/session.h"

namespace leat::tool {
namespace {

struct RunOptions {
  SessionOptions session;
  std::vector<std::string> outputs;  // "y=y.npy"; by name or ordinal
  bool json = false;
  std::string schedule, record;
};

// "random:7" or "replay:FILE".
StatusOr<std::shared_ptr<StepSchedule>> make_schedule(const std::string& text) {
  const std::string kind = text.substr(0, text.find(':'));
  const std::string rest = kind.size() < text.size() ? text.substr(kind.size() + 1) : "";
  if (kind == "random") {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), seed);
    if (!rest.empty() && error == std::errc() && end == rest.data() + rest.size())
      return StepSchedule::Random(seed);
  } else if (kind == "replay" && !rest.empty()) {
    std::ifstream in(rest, std::ios::binary);
    const std::string recorded{std::istreambuf_iterator<char>(in), {}};
    if (!in) return Status(Code::not_found, absl::StrCat(rest, ": cannot open: ", std::strerror(errno)));
    StatusOr<std::shared_ptr<StepSchedule>> schedule = StepSchedule::Replay(recorded);
    if (!schedule.ok())
      return Status(schedule.status().code(), absl::StrCat(rest, ": ", schedule.status().message()));
    return schedule;
  }
  throw BadCall{absl::StrCat("--schedule ", text, ": it is random:SEED or replay:FILE")};
}

Status run(RunOptions options) {
  if (!options.record.empty() && options.schedule.empty()) options.schedule = "random:0";
  if (!options.schedule.empty()) {
    StatusOr<std::shared_ptr<StepSchedule>> schedule = make_schedule(options.schedule);
    if (!schedule.ok()) return schedule.status();
    options.session.schedule = *schedule;
  }
  StatusOr<std::unique_ptr<Session>> session = Session::Open(options.session);
  if (!session.ok()) return session.status();
  const ir::Graph& graph = (*session)->graph;
  std::vector<std::pair<std::size_t, std::string>> files;
  const std::vector<std::string>& names = (*session)->output_names;
  for (const std::string& text : options.outputs) {
    const auto [name, path] =
        split_pair(text, names.empty() ? "ordinal=file.npy" : "name=file.npy or ordinal=file.npy");
    std::size_t ordinal =
        static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (ordinal == names.size()) {
      ordinal = 0;
      while (ordinal < graph.outputs.size() && std::to_string(ordinal) != name) ++ordinal;
    }
    if (ordinal == graph.outputs.size()) {
      throw BadCall{absl::StrCat("-o ", text, ": the program has outputs 0 to ", graph.outputs.size() - 1,
                                 names.empty() ? "" : ": " + absl::StrJoin(names, ", "))};
    }
    files.emplace_back(ordinal, path);
  }
  std::vector<runtime::Ref<runtime::Value>> outputs;
  const Status status = (*session)->Run(&outputs);
  if (!options.record.empty()) {
    if (Status s = write_output(options.record, options.session.schedule->ToString()); !s.ok()) return s;
  }
  // A fault poisons what depends on it; the other outputs are there all the same.
  const auto ready = [&](std::size_t o) { return outputs[o]->state() == runtime::Value::State::ready; };
  for (const auto& [o, path] : files) {
    if (!ready(o)) continue;
    if (Status s = frontend::write_npy(path, graph.type(graph.outputs[o]), outputs[o]->buffer()->data());
        !s.ok())
      return s;
  }
  if (!files.empty()) return status;
  nlohmann::ordered_json all = nlohmann::ordered_json::array();
  for (std::size_t o = 0; o < outputs.size(); ++o) {
    const ir::Type& type = graph.type(graph.outputs[o]);
    std::string text;
    if (ready(o)) {
      text =
          options.json || type.shape.num_elements() <= 64
              ? ir::print(ir::make_literal(type, outputs[o]->buffer()->data()))
              : absl::StrCat("(", type.shape.num_elements(), " elements; -o ", o, "=file.npy writes them)");
    }
    if (options.json) {
      nlohmann::ordered_json j;
      j["type"] = graph.ToString(type);
      if (ready(o)) j["value"] = text;
      if (!ready(o)) j["error"] = outputs[o]->status().ToString();
      all.push_back(std::move(j));
    } else {
      std::printf("output %zu %s %s\n", o, graph.ToString(type).c_str(),
                  ready(o) ? text.c_str() : "has no value");
    }
  }
  if (options.json) std::printf("%s\n", all.dump(2).c_str());
  return status;
}

}  // namespace

void add_run_command(CLI::App& app, Status* status) {
  const auto o = std::make_shared<RunOptions>();
  CLI::App* command = app.add_subcommand("run", "run a program and print or write its outputs");
  add_session_options(command, &o->session);
  command->add_flag("--json", o->json, "for programs to read");
  command->add_option("-o,--output", o->outputs,
                      "an output to a file, by ordinal, or by a model's name: -o 0=y.npy");
  command->add_option("--schedule", o->schedule,
                      "steps one by one in another legal order: random:SEED, or replay:FILE");
  command->add_option("--record-schedule", o->record,
                      "write the order to a file (of random:0 if none is given)");
  command->footer("Example: leat run examples/programs/mlp.leat --size n=32 -i x=x.npy -o 1=class.npy");
  command->callback([o, status] { *status = run(*o); });
}

}  // namespace leat::tool
