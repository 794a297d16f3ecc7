#include "tools/leat/session.h"

#include <CLI/CLI.hpp>

#include "runtime/cuda/gpu.h"

namespace leat::tool {

void add_session_options(CLI::App* command, SessionOptions* o) {
  add_program_options(command, &o->file);
  add_input_options(command, &o->inputs);
  command->add_option("--workers", o->workers, "threads that compute; 0: all")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  command->add_option("--devices", o->devices, "cpu:0 and virtual CPUs with memory of their own")
      ->check(CLI::Range(1, 64))
      ->capture_default_str();
  command
      ->add_option("--gpus", o->gpus, "GPUs to use, as gpu:0, ...; what the program copies there runs there")
      ->check(CLI::Range(0, 64))
      ->capture_default_str();
  add_placement_option(command, &o->placement);
  command->add_option("--tier", o->tier, "tiles, automatic or machine_code")
      ->check(CLI::IsMember({"tiles", "automatic", "machine_code"}))
      ->capture_default_str();
  command->add_flag("--exact-contractions", o->exact, "bit-equal to the interpreter");
  command->add_flag("--tf32", o->tf32, "cuBLASLt may round operands in f32 to TF32");
  command->add_flag("!--no-device-graphs", o->device_graphs, "launch each kernel of a GPU by itself");
  command->add_flag("--library-epilogues", o->library_epilogues,
                    "cuBLASLt may do bias, residual, relu and gelu (by tanh), and round once");
}

Status Session::Run(std::vector<runtime::Ref<runtime::Value>>* outputs) {
  const runtime::Ref<runtime::Run> run = Submit(outputs);
  return Finish(*run, outputs);
}

runtime::Ref<runtime::Run> Session::Submit(std::vector<runtime::Ref<runtime::Value>>* outputs) {
  outputs->clear();
  for (std::size_t o = 0; o < graph.outputs.size(); ++o) outputs->push_back(runtime::Value::Pending());
  runtime::RunRequest request;
  request.program = program;
  request.inputs = inputs;
  request.outputs = *outputs;
  request.label = graph.name;
  return engine->Submit(std::move(request));
}

Status Session::Finish(runtime::Run& run, std::vector<runtime::Ref<runtime::Value>>* outputs) {
  if (Status s = run.Wait(); !s.ok()) return s;
  if (Status s = run.status(); !s.ok()) return s;
  for (auto& value : *outputs) {
    if (value->state() == runtime::Value::State::ready) {  // where it can be read
      value = engine->OnHost(value);
      if (Status s = value->Wait(); !s.ok()) return s;
    }
    if (value->state() != runtime::Value::State::ready) return value->status();
  }
  return {};
}

StatusOr<std::unique_ptr<Session>> Session::Open(const SessionOptions& options) {
  auto session = std::make_unique<Session>();
  StatusOr<ir::Graph> graph = load_program(options.file, {.locate = true}, &session->output_names);
  if (!graph.ok()) return graph.status();
  session->graph = *std::move(graph);
  StatusOr<std::vector<ir::Array>> arrays = load_inputs(session->graph, options.inputs);
  if (!arrays.ok()) return arrays.status();
  session->arrays = *std::move(arrays);
  runtime::EngineOptions engine_options;
  engine_options.workers = options.workers;
  engine_options.cpu_devices = options.devices;
  engine_options.gpu_devices = options.gpus;
  engine_options.schedule = options.schedule;
  auto engine = runtime::Engine::Create(engine_options);
  if (!engine.ok()) return engine.status();
  session->engine = *std::move(engine);
  session->code = compiler::make_code_cache({});
  compiler::CompileOptions& compile = session->compile_options;
  compile.exact_contractions = options.exact;
  compile.place_automatically = options.placement == kAutomaticPlacement;
  compile.tf32 = options.tf32;
  compile.device_graphs = options.device_graphs;
  compile.library_epilogues = options.library_epilogues;
  compile.tier = options.tier == "tiles"       ? compiler::Tier::tiles
                 : options.tier == "automatic" ? compiler::Tier::automatic
                                               : compiler::Tier::machine_code;
  std::vector<runtime::cuda::GpuDescription> gpus;
  for (int g = 0; g < options.gpus; ++g)
    gpus.push_back(session->engine->gpu(static_cast<runtime::DeviceId>(options.devices + g))->description());
  compile.devices = describe_devices(options.devices, session->engine->workers(), gpus);
  for (std::size_t d = 0; d < compile.devices.size(); ++d)
    compile.devices[d].opened = session->engine->gpu(static_cast<runtime::DeviceId>(d));
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

}  // namespace leat::tool
