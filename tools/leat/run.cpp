#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "compiler/frontend/npy_file.h"
#include "ir/printer.h"
#include "runtime/engine/engine.h"
#include "tools/leat/program_file.h"

namespace leat::tool {
namespace {

using Clock = std::chrono::steady_clock;
double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

// A compiled program with its inputs, ready to run again and again.
struct Session {
  ir::Graph graph;
  std::vector<std::string> output_names;  // of a model
  std::unique_ptr<runtime::Engine> engine;
  std::unique_ptr<compiler::CodeCache> code;
  std::shared_ptr<const runtime::Program> program;
  std::vector<runtime::Ref<runtime::Value>> inputs;
  std::vector<ir::Array> arrays;
  double compile_us = 0;

  // One run; its outputs in `outputs`.
  Status Run(std::vector<runtime::Ref<runtime::Value>>* outputs) {
    outputs->clear();
    for (std::size_t o = 0; o < graph.outputs.size(); ++o) outputs->push_back(runtime::Value::Pending());
    runtime::RunRequest request;
    request.program = program;
    request.inputs = inputs;
    request.outputs = *outputs;
    request.label = graph.name;
    runtime::Ref<runtime::Run> run = engine->Submit(std::move(request));
    if (Status s = run->Wait(); !s.ok()) return s;
    if (Status s = run->status(); !s.ok()) return s;
    for (const auto& value : *outputs) {
      if (value->state() != runtime::Value::State::ready) return value->status();
    }
    return {};
  }
};

StatusOr<std::unique_ptr<Session>> open(const RunOptions& options) {
  auto session = std::make_unique<Session>();
  StatusOr<ir::Graph> graph = load_program(options.file, {.locate = true}, &session->output_names);
  if (!graph.ok()) return graph.status();
  session->graph = *std::move(graph);
  StatusOr<std::vector<ir::Array>> arrays = load_inputs(session->graph, options);
  if (!arrays.ok()) return arrays.status();
  session->arrays = *std::move(arrays);
  runtime::EngineOptions engine_options;
  engine_options.workers = options.workers;
  engine_options.cpu_devices = options.devices;
  auto engine = runtime::Engine::Create(engine_options);
  if (!engine.ok()) return engine.status();
  session->engine = *std::move(engine);
  session->code = compiler::make_code_cache({});
  compiler::CompileOptions compile;
  compile.exact_contractions = options.exact;
  compile.tier = options.tier == "tiles"       ? compiler::Tier::tiles
                 : options.tier == "automatic" ? compiler::Tier::automatic
                                               : compiler::Tier::machine_code;
  compile.devices = describe_devices(options.devices, session->engine->workers());
  const auto start = Clock::now();
  auto program = compiler::compile(session->graph, compile, *session->code);
  session->compile_us = us_since(start);
  if (!program.ok()) return program.status();
  session->program = *std::move(program);
  for (ir::Array& array : session->arrays) {
    session->inputs.push_back(
        runtime::Value::Ready(runtime::Buffer::Wrap(array.bytes.get(), array.byte_count(), {})));
  }
  return session;
}

}  // namespace

Status run(const RunOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = open(options);
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

Status bench(const RunOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = open(options);
  if (!session.ok()) return session.status();
  std::vector<runtime::Ref<runtime::Value>> outputs;
  const auto first = Clock::now();
  if (Status s = (*session)->Run(&outputs); !s.ok()) return s;
  const double first_us = us_since(first);
  for (int i = 0; i < std::max(options.repetitions / 10, 1); ++i) {
    if (Status s = (*session)->Run(&outputs); !s.ok()) return s;
  }
  std::vector<double> times;
  for (int i = 0; i < options.repetitions; ++i) {
    const auto start = Clock::now();
    if (Status s = (*session)->Run(&outputs); !s.ok()) return s;
    times.push_back(us_since(start));
  }
  std::sort(times.begin(), times.end());
  auto percentile = [&](double p) {
    return times[static_cast<std::size_t>(p * static_cast<double>(times.size() - 1))];
  };
  const compiler::CodeStats stats = (*session)->code->stats();
  nlohmann::ordered_json j;
  j["compile_ms"] = (*session)->compile_us / 1e3;
  j["kernels"] = stats.kernels;
  j["steps"] = (*session)->program->steps.size();
  j["peak_bytes"] = (*session)->program->peak_bytes;
  j["first_run_us"] = first_us;
  j["runs"] = times.size();
  j["least_us"] = times.front();
  j["p50_us"] = percentile(0.5);
  j["p90_us"] = percentile(0.9);
  j["p99_us"] = percentile(0.99);
  j["most_us"] = times.back();
  if (options.json) {
    std::printf("%s\n", j.dump(2).c_str());
  } else {
    for (const auto& [key, value] : j.items()) {
      std::printf(value.is_number_float() ? "%-14s %.3f\n" : "%-14s %.0f\n", key.c_str(),
                  value.get<double>());
    }
  }
  return {};
}

Status trace(const RunOptions& options) {
  StatusOr<std::unique_ptr<Session>> session = open(options);
  if (!session.ok()) return session.status();
  std::vector<runtime::Ref<runtime::Value>> outputs;
  if (Status s = (*session)->Run(&outputs); !s.ok()) return s;  // warm
  (*session)->engine->SetTracing(true);
  Status status = (*session)->Run(&outputs);
  (*session)->engine->SetTracing(false);
  if (!status.ok()) return status;
  std::ofstream out(options.trace);
  out << runtime::trace_json((*session)->engine->TakeTrace());
  out.close();
  if (!out) {
    return Status(Code::failed_precondition,
                  absl::StrCat(options.trace, ": cannot write: ", std::strerror(errno)));
  }
  std::printf("%s: open it at https://ui.perfetto.dev\n", options.trace.c_str());
  return {};
}

}  // namespace leat::tool
