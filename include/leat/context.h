// A Context: the devices, the worker pool, the compiler and the caches that tensors use.
//
// Tensors belong to the Context that was current on the thread that made them; a default one exists.
// Several may live side by side; tensors of two Contexts do not mix in one expression. Thread-safe.
// ~Context cancels what is in flight, comes to rest and never throws; ready values stay readable,
// everything else answers context_gone.
//
// A Context makes an Engine (leat/engine.h) of its own, or shares one with others.
//
//   Context context({.workers = 2, .max_bytes_in_flight = 1 << 30});
//   Context::Scope scope(context);         // current on this thread while `scope` lives
//   Tensor y = ones({1000}) + 1;
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "leat/custom.h"
#include "leat/engine.h"
#include "leat/eval.h"
#include "leat/tensor.h"

#pragma GCC visibility push(default)
namespace leat {

namespace frontend {
class ContextState;
}  // namespace frontend

/// When kernels get machine code; the bits are the same.
enum class Tier : std::uint8_t {
  automatic,     // tiles at once, machine code in the background where it pays
  tiles,         // never
  machine_code,  // before the first run
};

/// On which device a node runs, where no to_device says; the bits are the same.
enum class PlacementPolicy : std::uint8_t {
  operands,   // where most bytes of its operands are: nothing moves that was not asked to
  automatic,  // where estimates of computing and copying have it done soonest; leat::dump says why
};

struct ContextOptions {
  // Of the engine that the Context makes, see EngineOptions.
  int workers = 0;                       // threads that compute at once; 0: as many as this process may use
  int cpu_devices = 1;                   // cpu:0, and virtual CPUs with memory of their own
  int gpu_devices = 0;                   // GPUs to use, as gpu:0, ...; more than there are is an error
  std::string cuda_driver{};             // library of the CUDA driver; empty: the system's
  std::int64_t max_bytes_in_flight = 0;  // bound on the memory of runs in flight; 0: none
  int max_runs_in_flight = 0;            // bound on runs in flight; 0: 1024
  std::int64_t memory_limit = 0;         // bytes per device, in tensors and caches; 0: none
  bool synchronous = false;              // debug: eval() waits, so that an error appears where it is caused
  std::shared_ptr<StepSchedule> schedule{};  // debug: the order of steps; implies synchronous
  // Its own.
  bool exact_contractions = false;  // no library contractions: bits that never depend on the machine
  bool tf32 = false;                // products in f32 on a GPU may round their operands to TF32
  bool device_graphs = true;        // what a plan runs again on a GPU is launched as CUDA graphs
  /// cuBLASLt may add a bias and a residual to a product, and do relu or gelu (by tanh), before it rounds:
  /// the kernel behind the product goes, f16 and bf16 are rounded once instead of at each op, a NaN may leave
  /// relu as 0, and a product with such an epilogue may be summed in another order than one without.
  bool library_epilogues = false;
  Tier tier = Tier::automatic;                            // when kernels get machine code
  PlacementPolicy placement = PlacementPolicy::operands;  // where there are several devices
  bool fuse = true;                                       // debug: false keeps every op a step of its own
  std::string cache_folder{};                             // machine code kept between processes; empty: none
  int vector_bits = 0;                                    // 0: the widest of the host; 128, 256, 512
  std::int64_t plan_cache_entries = 1024;                 // plans kept for reuse
  std::int64_t auto_flush_depth =
      65'536;  // a pending graph deeper than this is evaluated by itself; 0: never
};

struct ContextStats {
  std::uint64_t runs = 0;           // graphs run
  std::uint64_t plans = 0;          // structures planned
  std::uint64_t plan_hits = 0;      // runs that found their plan
  std::uint64_t kernels = 0;        // distinct kernels
  std::uint64_t llvm_runs = 0;      // kernels compiled to machine code in this process
  std::uint64_t disk_hits = 0;      // kernels found in the cache folder
  std::uint64_t cubins = 0;         // kernels for GPUs that nvJitLink made machine code of, beside LLVM
  std::uint64_t link_failures = 0;  // those that it did not take: the driver compiles them
  double compile_seconds = 0;
  std::uint64_t recomputed_bytes = 0;  // computed again because nobody kept them
  std::int64_t bytes_live = 0;         // these two: of the engine
  std::int64_t bytes_peak = 0;
  std::uint64_t auto_flushes = 0;
};

struct TensorType {
  DType dtype = DType::f32;
  Shape shape;
};

class Context {
 public:
  /// Throws as Engine does.
  explicit Context(ContextOptions options = {});
  /// On a shared engine. Throws invalid_argument if an option of the engine's is set here.
  explicit Context(const Engine& engine, ContextOptions options = {});
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// The Context of threads that have no scope; made at first use, lives until the process ends.
  static Context& Default();
  /// The innermost scope's of this thread, or Default().
  static Context& Current();

  class Scope {
   public:
    explicit Scope(Context& context);
    ~Scope();
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    Context* outer_;
  };

  /// Blocks until nothing of this Context is in flight. Faults stay in their values.
  void wait_all(SourceLocation where = SourceLocation::current());
  ContextStats stats() const;
  /// With what its engine made of them.
  const ContextOptions& options() const;
  int worker_count() const;

  /// From now on (until false) runs and compilations that start are recorded. Kernels of a GPU are launched
  /// one by one meanwhile, so that each has its times.
  void SetTracing(bool on);
  /// What was recorded since, as a timeline that ui.perfetto.dev opens: one track per worker and per thread
  /// that helped.
  std::string TakeTrace();

  /// Everything in flight on its engine, as text: what runs, what waits and why, bytes, faults. Never blocks.
  std::string Describe() const;

  /// Registers a C++ function for custom(name, ...). Replaces one of the same name for later plans.
  void RegisterCustom(std::string name, CustomFunction function);
  /// The same for CPUs, GPUs or both. Throws invalid_argument if it has no function at all.
  void RegisterCustom(std::string name, CustomOp op);

  /// The stages of the program that computes these tensors, as text: "graph", "optimized", "fused",
  /// "kernels", "llvm", "asm", "program", "memory", or "dot" for a picture. Computes nothing.
  StatusOr<std::string> Dump(std::span<const Tensor> tensors, std::string_view stage) const;

  /// For the layers below.
  const std::shared_ptr<frontend::ContextState>& state() const { return state_; }

 private:
  std::shared_ptr<frontend::ContextState> state_;
};

/// Nodes made while it lives are inside this scope: it reaches every dump, trace and error
/// ("encoder/layer0"). Scopes nest. For one thread.
class LabelScope {
 public:
  explicit LabelScope(std::string_view name);
  ~LabelScope();
  LabelScope(const LabelScope&) = delete;
  LabelScope& operator=(const LabelScope&) = delete;

 private:
  std::uint32_t outer_;
};

/// Calls the custom op `name` of the current Context: it runs exactly once, when first asked for.
std::vector<Tensor> custom(std::string_view name, std::span<const Tensor> inputs,
                           std::span<const TensorType> outputs,
                           SourceLocation where = SourceLocation::current());
/// With one output.
Tensor custom(std::string_view name, std::initializer_list<Tensor> inputs, const TensorType& output,
              SourceLocation where = SourceLocation::current());

}  // namespace leat
#pragma GCC visibility pop
