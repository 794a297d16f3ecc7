// What the compiler asks of code generation: machine code for kernels, now or later.
//
// Owned by a Context; thread-safe. Equal kernels (by canonical text) share one KernelCode and are
// compiled once. Keyed in memory and, where a folder is given, on disk, by canonical text, LLVM
// version, CPU name and features, emitter version and options.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>

#include "ir/kernel.h"
#include "runtime/cuda/gpu_code.h"
#include "runtime/cuda/gpu_description.h"
#include "runtime/program/kernel_code.h"

namespace leat::compiler {

struct CodeOptions {
  std::string cache_folder;           // empty: no disk cache
  std::size_t memory_entries = 4096;  // LRU bound on kernels kept for reuse
  int vector_bits = 0;                // 0: the widest that the host has; 128, 256 or 512 to force one
  /// Runs a job later on another thread (the engine's pool, low priority). Null: jobs run in the caller.
  std::function<void(std::function<void()>)> background;
};

struct CodeStats {
  std::uint64_t kernels = 0;   // distinct kernels seen
  std::uint64_t compiled = 0;  // LLVM runs
  std::uint64_t disk_hits = 0;
  std::uint64_t disk_rejected = 0;  // cache files that were corrupt, truncated or of another key
  std::uint64_t failures = 0;       // kernels that LLVM could not compile (they stay on the tile tier)
  std::uint64_t linked = 0;         // kernels for GPUs that nvJitLink made machine code of
  std::uint64_t link_failures = 0;  // those that it did not take: the driver compiles their PTX
  std::string link_failure;         // the last of them
  double compile_seconds = 0;
};

/// A kernel on a GPU, at some sizes.
struct GpuKernel {
  std::shared_ptr<const runtime::cuda::GpuCode> code;
  runtime::cuda::LaunchGeometry geometry;
};

class CodeCache {
 public:
  virtual ~CodeCache() = default;
  /// The code of `kernel` for a GPU, compiled now if it is not known, and its launch at `sizes`.
  virtual StatusOr<GpuKernel> GetGpu(const ir::Kernel& kernel, std::span<const std::int64_t> sizes,
                                     const runtime::cuda::GpuDescription& gpu) = 0;
  /// The same of the step that joins the partial results of a split reduction, [chunks, rows].
  virtual StatusOr<GpuKernel> GetGpuPairwise(ir::Op op, DType dtype, std::int64_t chunks, std::int64_t rows,
                                             const runtime::cuda::GpuDescription& gpu) = 0;
  /// The code of a launch of an op (runtime/cuda/op_plan.h).
  virtual StatusOr<std::shared_ptr<const runtime::cuda::GpuCode>> GetGpuOp(
      const runtime::cuda::OpKernel& kernel, const runtime::cuda::GpuDescription& gpu) = 0;
  /// The code of `kernel`; on the tile tier until it is compiled.
  virtual std::shared_ptr<runtime::KernelCode> Get(const ir::Kernel& kernel) = 0;
  /// Asks for machine code: in the background if there is one, else now. Idempotent and cheap when done.
  virtual void Compile(const std::shared_ptr<runtime::KernelCode>& code) = 0;
  /// Compiles now if need be; returns when the code is published or has failed.
  virtual Status CompileNow(const std::shared_ptr<runtime::KernelCode>& code) = 0;
  virtual CodeStats stats() const = 0;
  /// LLVM IR and assembly of a kernel, for dumps.
  virtual StatusOr<std::string> LlvmText(const ir::Kernel& kernel) = 0;
  virtual StatusOr<std::string> AssemblyText(const ir::Kernel& kernel) = 0;
};

/// Implemented in compiler/codegen, over LLVM.
std::unique_ptr<CodeCache> make_code_cache(CodeOptions options);

/// "LLVM 19.1.7 for znver3, 256-bit vectors", for `leat info`.
std::string describe_code_generator();

}  // namespace leat::compiler
