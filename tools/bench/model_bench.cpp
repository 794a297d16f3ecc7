// One ONNX model, run on demand: Leat's side of tools/bench/models, which interleaves it with ONNX Runtime.
//
//   model_bench MODEL.onnx --cache=DIR NAME=FILE.npy...
//
// Loads and runs the model once, and prints what that took; then answers each line of stdin with one line of
// JSON on stdout: "run N" (the times of N runs, ms), "memory", "steps" (one traced run: ms by kind of step).
// A run ends when all outputs are there. Times start at the call of load(), with the libraries in memory.
#include <chrono>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "leat/leat.h"
#include "leat/onnx.h"

namespace {

using Clock = std::chrono::steady_clock;
using Inputs = std::map<std::string, leat::Tensor>;

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// A line of /proc/self/status, in kB: "VmHWM" is the most memory that this process has had.
long status_kb(const std::string& key) {
  std::ifstream file("/proc/self/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key + ":")) return std::stol(line.substr(key.size() + 1));
  }
  return 0;
}

double run(const leat::onnx::Model& model, const Inputs& inputs) {
  const auto start = Clock::now();
  auto outputs = model.Run(inputs);
  if (!outputs.ok()) throw leat::Error(outputs.status());
  for (auto& [name, tensor] : *outputs) tensor.eval();
  for (auto& [name, tensor] : *outputs) tensor.wait();
  return ms_since(start);
}

// One traced run, summed by the first op of each step.
nlohmann::json steps(leat::Context& context, const leat::onnx::Model& model, const Inputs& inputs) {
  context.SetTracing(true);
  run(model, inputs);
  context.wait_all();
  context.SetTracing(false);
  std::map<std::string, double> sums;
  const auto trace = nlohmann::json::parse(context.TakeTrace());
  for (const auto& event : trace.is_array() ? trace : trace.at("traceEvents")) {
    if (event.value("ph", "") != "X" || event.value("cat", "") != "step") continue;
    const std::string name = event.at("name");
    sums[name.substr(0, name.find('+'))] += event.at("dur").get<double>() / 1e3;
  }
  return sums;
}

int serve(int argc, char** argv) {
  std::string path, cache;
  std::map<std::string, std::string> files;
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    const std::size_t equals = word.find('=');
    if (word.starts_with("--cache=")) {
      cache = word.substr(equals + 1);
    } else if (equals != std::string::npos) {
      files.emplace(word.substr(0, equals), word.substr(equals + 1));
    } else {
      path = word;
    }
  }
  if (path.empty()) {
    std::fprintf(stderr, "usage: model_bench MODEL.onnx [--cache=DIR] NAME=FILE.npy...\n");
    return 2;
  }
  leat::Context context({.cache_folder = cache});
  const leat::Context::Scope scope(context);
  Inputs inputs;
  for (const auto& [name, file] : files) inputs.emplace(name, leat::load_npy(file));
  const long before = status_kb("VmHWM");
  const auto start = Clock::now();
  auto model = leat::onnx::load(path);
  if (!model.ok()) throw leat::Error(model.status());
  run(*model, inputs);
  std::printf("%s\n", nlohmann::json{{"first_ms", ms_since(start)}, {"before_kb", before}}.dump().c_str());
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::json answer;
    if (line.starts_with("run ")) {
      answer = nlohmann::json::array();
      for (int n = std::stoi(line.substr(4)); n > 0; --n) answer.push_back(run(*model, inputs));
    } else if (line == "memory") {
      answer = {{"peak_kb", status_kb("VmHWM")}, {"tensors_kb", context.stats().bytes_peak / 1024}};
    } else if (line == "steps") {
      answer = steps(context, *model, inputs);
    }
    std::printf("%s\n", answer.dump().c_str());
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    return serve(argc, argv);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "model_bench: %s\n", e.what());
    return 1;
  }
}
