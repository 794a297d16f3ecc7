// A compiled program with its inputs, ready to run again and again: what run, bench and trace share.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "tools/leat/program_file.h"

namespace leat::tool {

struct SessionOptions {
  ProgramFile file;
  InputFiles inputs;
  int workers = 0;
  int devices = 1;
  int gpus = 0;
  std::string placement = "operands";
  bool exact = false, tf32 = false, library_epilogues = false, device_graphs = true;
  std::string tier = "machine_code";
  std::shared_ptr<StepSchedule> schedule;  // of run; null: none
};
void add_session_options(CLI::App* command, SessionOptions* options);

class Session {
 public:
  /// Loads the program and its inputs, makes an engine, and compiles.
  static StatusOr<std::unique_ptr<Session>> Open(const SessionOptions& options);
  /// One run; its outputs in `outputs`. A fault poisons what depends on it; the other outputs are there.
  Status Run(std::vector<runtime::Ref<runtime::Value>>* outputs);
  /// The same in two parts: handing it over, and waiting for it.
  runtime::Ref<runtime::Run> Submit(std::vector<runtime::Ref<runtime::Value>>* outputs);
  Status Finish(runtime::Run& run, std::vector<runtime::Ref<runtime::Value>>* outputs);

  ir::Graph graph;
  std::vector<std::string> output_names;  // of a model
  std::unique_ptr<runtime::Engine> engine;
  std::unique_ptr<compiler::CodeCache> code;
  compiler::CompileOptions compile_options;  // of the program
  std::shared_ptr<const runtime::Program> program;
  std::vector<runtime::Ref<runtime::Value>> inputs;
  std::vector<ir::Array> arrays;
  double compile_us = 0;
};

using Clock = std::chrono::steady_clock;
inline double us_since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start).count();
}

}  // namespace leat::tool
