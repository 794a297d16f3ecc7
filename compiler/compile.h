// From a graph to a Program: the passes of pipeline.h, then lowering and the memory plan.
//
// compile() is a pure function of the graph, the options and the devices; the code cache only decides
// how soon machine code is there. The graph must be static (ir::bind_symbols first). Any thread.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "compiler/code_cache.h"
#include "ir/graph.h"
#include "ir/interpreter.h"
#include "runtime/cuda/custom_launch.h"
#include "runtime/program/program.h"

namespace leat::runtime::cuda {
class Gpu;  // runtime/cuda/gpu.h
}
namespace leat::compiler {

struct Pass;            // compiler/pipeline.h
struct FusionBoundary;  // compiler/passes/passes.h
struct Placements;      // the same

/// When kernels get machine code.
enum class Tier : std::uint8_t {
  automatic,     // tiles at once; machine code in the background where it pays
  tiles,         // never (tests)
  machine_code,  // before the Program is returned (tests, benchmarks, real-time loops)
};

/// What placement reads of a device; loadable from a file, so that dumps need no device.
struct DeviceDescription {
  std::string name = "cpu:0";
  int workers = 1;
  double flops_per_ns = 50;        // of f32 products, one worker
  double bytes_per_ns = 10;        // memory bandwidth, one worker
  double most_bytes_per_ns = 100;  // the same, all workers
  double launch_ns = 300;          // fixed cost of a step
  double copy_bytes_per_ns = 8;    // to another device
  double copy_latency_ns = 2000;
  std::optional<runtime::cuda::GpuDescription> gpu{};  // its kernels are compiled for this; none: a CPU
  /// The device itself, which is asked whether it has cuBLASLt, and for its algorithms; null: plans go
  /// without.
  const runtime::cuda::Gpu* opened = nullptr;
};
/// gpu:`number`, with estimates from the description.
DeviceDescription describe_gpu_device(int number, const runtime::cuda::GpuDescription& gpu);

struct CompileOptions {
  bool exact_contractions = false;  // sequential-K fma everywhere: bits equal the interpreter's
  bool tf32 = false;                // cuBLASLt may round the operands of products in f32 to TF32
  bool library_epilogues = false;   // cuBLASLt may add a bias and a residual, and do relu and gelu (by tanh)
  /// A convolution that cuBLASLt does takes as many images at a time as have their columns (what each tap
  /// reads) in so many bytes of a GPU's memory; one whose columns are more is done by our own kernel.
  std::int64_t most_column_bytes = std::int64_t{256} << 20;
  bool simplify = true;
  bool fuse = true;
  bool reuse_memory = true;
  bool device_graphs = true;  // steps on a GPU are launched together where they can be
  /// Below this many bytes of temporaries reuse buys nothing and its edges cost: a quarter of a second-level
  /// cache.
  std::int64_t reuse_from_bytes = 256 << 10;
  Tier tier = Tier::automatic;
  std::vector<DeviceDescription> devices = {DeviceDescription{}};
  std::vector<runtime::DeviceId> input_devices{};  // where each input is; those that are not named: cpu:0
  /// Where the program does not say on which device a node runs, estimates decide (passes/choose_devices.h);
  /// false: the place of its operands does.
  bool place_automatically = false;
  /// Called with each stage as it is reached: "graph", "optimized", "placed", "fused".
  std::function<void(std::string_view stage, const ir::Graph&)> observe;
  /// Called behind each pass of pipeline(), in order. One that could change nothing was not run: then both
  /// graphs are the same object.
  std::function<void(const Pass&, const ir::Graph& before, const ir::Graph& after)> observe_pass;
  /// Gets the values that fused regions exchange with their neighbours, and why these run apart.
  std::vector<FusionBoundary>* boundaries = nullptr;
  /// Gets where each node of the graph "placed" is, and why; nothing where there is one device.
  Placements* placements = nullptr;
  /// The function behind custom_call's target; null means not found.
  std::function<const ir::CustomFunction*(std::string_view target)> custom_call;
  /// The same for a GPU.
  std::function<const runtime::cuda::CustomLaunch*(std::string_view target)> cuda_custom_call;
};

StatusOr<std::shared_ptr<const runtime::Program>> compile(const ir::Graph& graph,
                                                          const CompileOptions& options, CodeCache& code);

/// Asks for machine code for every kernel of a program that is being used again, epilogues of contractions
/// among them. Cheap when all is compiled.
void request_machine_code(const runtime::Program& program, CodeCache& code);

}  // namespace leat::compiler
