#include "compiler/code_cache.h"

#include <chrono>
#include <condition_variable>
#include <exception>
#include <list>
#include <mutex>
#include <unordered_map>

#include "compiler/codegen/cuda/gpu_plan.h"
#include "compiler/codegen/cuda/kernel_ptx.h"
#include "compiler/codegen/disk_cache.h"
#include "compiler/codegen/fatal_error.h"
#include "compiler/codegen/jit.h"
#include "compiler/codegen/kernel_object.h"
#include "compiler/codegen/target.h"
#include "runtime/cuda/jit_link.h"
#include "runtime/engine/trace.h"

namespace leat::compiler {
namespace {

using codegen::CodeTarget;

// Of ir/meaning and compiler/codegen: the build computes it, so that an object never outlives the emitter
// that made it (cmake/floors.cmake).
constexpr char kEmitterVersion[] = LEAT_EMITTER_VERSION;

/// A kernel's code and where its compilation stands. The KernelCode that is given out shares its reference
/// count.
struct Entry {
  explicit Entry(const ir::Kernel& kernel, std::string text) : code(kernel), key(std::move(text)) {}
  runtime::KernelCode code;
  const std::string key;
  enum class Phase { idle, queued, compiling, done };
  std::mutex mutex;
  std::condition_variable changed;
  Phase phase = Phase::idle;
  Status status;
  std::list<std::shared_ptr<Entry>>::iterator place;  // in the LRU list; guarded by the cache's mutex
  bool listed = false;
};

/// What outlives the cache while background jobs run.
class Compiler {
 public:
  explicit Compiler(CodeOptions options)
      : options_(std::move(options)),
        target_(codegen::host_target(options_.vector_bits)),
        disk_(options_.cache_folder) {}

  const CodeTarget& target() const { return target_; }

  std::shared_ptr<Entry> Find(const ir::Kernel& kernel) {
    std::string key = ir::print(kernel);
    std::lock_guard lock(mutex_);
    std::weak_ptr<Entry>& known = entries_[key];
    std::shared_ptr<Entry> entry = known.lock();
    if (entry == nullptr) {
      ++stats_.kernels;
      entry = std::make_shared<Entry>(kernel, std::move(key));
      known = entry;
    }
    if (entry->listed) {
      recent_.splice(recent_.begin(), recent_, entry->place);
    } else {
      recent_.push_front(entry);
      entry->place = recent_.begin();
      entry->listed = true;
    }
    while (recent_.size() > std::max<std::size_t>(options_.memory_entries, 1)) {
      recent_.back()->listed = false;
      recent_.pop_back();
    }
    // Entries that nobody holds leave their key behind: swept when they may be half of the map.
    if (entries_.size() > sweep_at_) {
      std::erase_if(entries_, [](const auto& item) { return item.second.expired(); });
      sweep_at_ = 2 * std::max(options_.memory_entries, entries_.size()) + 64;
    }
    return entry;
  }

  /// The entry of a code that this cache gave out; null for any other.
  std::shared_ptr<Entry> EntryOf(const std::shared_ptr<runtime::KernelCode>& code) {
    const std::string key = ir::print(code->kernel());
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(key);
    std::shared_ptr<Entry> entry = found == entries_.end() ? nullptr : found->second.lock();
    return entry != nullptr && &entry->code == code.get() ? entry : nullptr;
  }

  /// Compiles the entry, or waits for whoever does. `only_queued`: a background job, whose work a caller may
  /// have taken over.
  Status Run(const std::shared_ptr<Entry>& entry, bool only_queued) {
    {
      std::unique_lock lock(entry->mutex);
      if (only_queued && entry->phase != Entry::Phase::queued) return {};
      entry->changed.wait(lock, [&] { return entry->phase != Entry::Phase::compiling; });
      if (entry->phase == Entry::Phase::done) return entry->status;
      entry->phase = Entry::Phase::compiling;
    }
    std::string name = "compile";
    for (const ir::Kernel::Instruction& i : entry->code.kernel().body)
      name += " " + std::string(ir::name(i.op));
    if (name.size() > 120) name.replace(120, name.npos, "...");
    runtime::name_job(std::move(name));
    Status status;
    try {
      status = CompileAndPublish(*entry);
    } catch (const codegen::FatalError& error) {
      status = Status(Code::internal, std::string("compiling a kernel: ") + error.what());
    } catch (const std::exception& error) {  // out of memory, say: whoever waits must hear of it
      status = Status(Code::resource_exhausted, std::string("compiling a kernel: ") + error.what());
    }
    if (!status.ok()) {
      std::lock_guard lock(mutex_);
      ++stats_.failures;
    }
    std::lock_guard lock(entry->mutex);
    entry->phase = Entry::Phase::done;
    entry->status = status;
    entry->changed.notify_all();
    return status;
  }

  bool Enqueue(const std::shared_ptr<Entry>& entry) {
    std::lock_guard lock(entry->mutex);
    if (entry->phase != Entry::Phase::idle) return false;
    entry->phase = Entry::Phase::queued;
    return true;
  }

  const CodeOptions& options() const { return options_; }

  using GpuCode = runtime::cuda::GpuCode;
  /// The code of this key for `gpu`; equal ones are compiled once, and found on disk by the next process.
  StatusOr<std::shared_ptr<const GpuCode>> FindGpu(
      const std::string& what, const runtime::cuda::GpuDescription& gpu,
      const std::function<StatusOr<std::string>()>& make_ptx,
      const std::function<std::shared_ptr<const GpuCode>(std::string image)>& make_code) {
    const runtime::cuda::JitLinker* const linker = Linker(gpu);
    const std::string key = (linker != nullptr ? "cubin " : "ptx ") + gpu.arch + what;
    {
      std::lock_guard lock(mutex_);
      if (std::shared_ptr<const GpuCode> known = gpu_codes_[key].lock()) return known;
    }
    std::lock_guard compiling(gpu_mutex_);
    {
      std::lock_guard lock(mutex_);
      if (std::shared_ptr<const GpuCode> known = gpu_codes_[key].lock()) return known;
    }
    const std::string disk_key = key + "LLVM " + codegen::llvm_version() + " emitter " + kEmitterVersion +
                                 (linker != nullptr ? " nvJitLink " + linker->version() : "");
    const auto begin = std::chrono::steady_clock::now();
    std::optional<std::string> image = disk_.Find(disk_key);
    const bool found = image.has_value();
    if (!found) {
      StatusOr<std::string> ptx = make_ptx();
      if (!ptx.ok()) return ptx.status();
      image = linker != nullptr ? LinkOrKeep(*linker, *std::move(ptx), gpu.arch) : *std::move(ptx);
      disk_.Store(disk_key, *image);
    }
    std::shared_ptr<const GpuCode> code = make_code(*std::move(image));
    std::lock_guard lock(mutex_);
    found ? ++stats_.disk_hits : ++stats_.compiled;
    ++stats_.kernels;
    stats_.compile_seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    gpu_codes_[key] = code;
    recent_gpu_.push_front(code);
    if (recent_gpu_.size() > std::max<std::size_t>(options_.memory_entries, 1)) recent_gpu_.pop_back();
    return code;
  }

  CodeStats stats() const {
    std::lock_guard lock(mutex_);
    CodeStats stats = stats_;
    stats.disk_rejected = disk_.rejected();
    return stats;
  }

 private:
  /// Null where the driver compiles PTX: nvJitLink is absent, or what it makes would not run there.
  const runtime::cuda::JitLinker* Linker(const runtime::cuda::GpuDescription& gpu) {
    if (!runtime::cuda::takes_cubins(gpu)) return nullptr;
    std::lock_guard lock(linker_mutex_);
    if (!linker_asked_) {
      linker_asked_ = true;
      if (auto opened = runtime::cuda::JitLinker::Open(); opened.ok()) linker_ = *std::move(opened);
    }
    return linker_.get();
  }

  /// The cubin, or the PTX where nvJitLink does not take it (an older one may not know its version).
  std::string LinkOrKeep(const runtime::cuda::JitLinker& linker, std::string ptx, const std::string& arch) {
    StatusOr<std::string> cubin = linker.Link(ptx, arch);
    std::lock_guard lock(mutex_);
    if (cubin.ok()) {
      ++stats_.linked;
      return *std::move(cubin);
    }
    ++stats_.link_failures;
    stats_.link_failure = cubin.status().message();
    return ptx;
  }

  StatusOr<std::shared_ptr<codegen::Jit>> GetJit() {
    std::lock_guard lock(jit_mutex_);
    if (jit_ == nullptr) {
      auto created = codegen::Jit::Create();
      if (!created.ok()) return created.status();
      jit_ = *created;
    }
    return jit_;
  }

  Status CompileAndPublish(Entry& entry) {
    if (const std::string complaint = ir::check(entry.code.kernel()); !complaint.empty()) {
      return Status(Code::invalid_argument, "malformed kernel: " + complaint);
    }
    auto jit = GetJit();
    if (!jit.ok()) return jit.status();
    const std::string key =
        entry.key + "LLVM " + codegen::llvm_version() + " emitter " + kEmitterVersion + " " + target_.key();
    if (std::optional<std::string> object = disk_.Find(key)) {
      auto loaded = (*jit)->Load(*object);
      if (loaded.ok()) {
        entry.code.Publish(loaded->function, loaded->owner);
        std::lock_guard lock(mutex_);
        ++stats_.disk_hits;
        return {};
      }
      disk_.Reject();
    }
    const auto begin = std::chrono::steady_clock::now();
    auto object = codegen::kernel_object(entry.code.kernel(), target_);
    if (!object.ok()) return object.status();
    auto loaded = (*jit)->Load(*object);
    if (!loaded.ok()) return loaded.status();
    entry.code.Publish(loaded->function, loaded->owner);
    {
      std::lock_guard lock(mutex_);
      ++stats_.compiled;
      stats_.compile_seconds +=
          std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    }
    disk_.Store(key, *object);
    return {};
  }

  const CodeOptions options_;
  const CodeTarget target_;
  codegen::DiskCache disk_;
  std::mutex gpu_mutex_;  // held while a kernel is compiled for a GPU
  std::mutex linker_mutex_;
  bool linker_asked_ = false;
  std::shared_ptr<const runtime::cuda::JitLinker> linker_;
  std::mutex jit_mutex_;
  std::shared_ptr<codegen::Jit> jit_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_map<std::string, std::weak_ptr<Entry>> entries_;
  std::list<std::shared_ptr<Entry>> recent_;  // most recent first
  std::unordered_map<std::string, std::weak_ptr<const GpuCode>> gpu_codes_;
  std::list<std::shared_ptr<const GpuCode>> recent_gpu_;
  std::size_t sweep_at_ = 1024;
  CodeStats stats_;
};

class LlvmCodeCache final : public CodeCache {
 public:
  explicit LlvmCodeCache(CodeOptions options) : compiler_(std::make_shared<Compiler>(std::move(options))) {}

  std::shared_ptr<runtime::KernelCode> Get(const ir::Kernel& kernel) override {
    std::shared_ptr<Entry> entry = compiler_->Find(kernel);
    return std::shared_ptr<runtime::KernelCode>(entry, &entry->code);
  }

  using GpuCode = runtime::cuda::GpuCode;
  StatusOr<GpuKernel> GetGpu(const ir::Kernel& kernel, std::span<const std::int64_t> sizes,
                             const runtime::cuda::GpuDescription& gpu) override {
    auto code = compiler_->FindGpu(
        "\n" + ir::print(kernel), gpu, [&] { return codegen::kernel_ptx(kernel, gpu.arch); },
        [&](std::string image) {
          return std::make_shared<const GpuCode>(kernel, GpuCode::Order::kernel, std::move(image));
        });
    if (!code.ok()) return code.status();
    return GpuKernel{*std::move(code), codegen::launch_geometry(kernel, sizes, gpu)};
  }

  StatusOr<GpuKernel> GetGpuPairwise(ir::Op op, DType dtype, std::int64_t chunks, std::int64_t rows,
                                     const runtime::cuda::GpuDescription& gpu) override {
    const ir::Kernel kernel = codegen::pairwise_kernel(op, dtype);
    auto code = compiler_->FindGpu(
        " pairwise\n" + ir::print(kernel), gpu, [&] { return codegen::pairwise_ptx(op, dtype, gpu.arch); },
        [&](std::string image) {
          return std::make_shared<const GpuCode>(kernel, GpuCode::Order::pairwise, std::move(image));
        });
    if (!code.ok()) return code.status();
    return GpuKernel{*std::move(code), codegen::pairwise_geometry(chunks, rows, gpu)};
  }

  StatusOr<std::shared_ptr<const GpuCode>> GetGpuOp(const runtime::cuda::OpKernel& kernel,
                                                    const runtime::cuda::GpuDescription& gpu) override {
    return compiler_->FindGpu(
        " op\n" + runtime::cuda::print(kernel), gpu, [&] { return codegen::kernel_ptx(kernel, gpu.arch); },
        [&](std::string image) { return std::make_shared<const GpuCode>(kernel, std::move(image)); });
  }

  void Compile(const std::shared_ptr<runtime::KernelCode>& code) override {
    if (code->compiled()) return;
    std::shared_ptr<Entry> entry = compiler_->EntryOf(code);
    if (entry == nullptr || !compiler_->Enqueue(entry)) return;
    const auto job = [compiler = compiler_, entry] { compiler->Run(entry, true).IgnoreError(); };
    if (compiler_->options().background) {
      compiler_->options().background(job);
    } else {
      job();
    }
  }

  Status CompileNow(const std::shared_ptr<runtime::KernelCode>& code) override {
    if (code->compiled()) return {};
    std::shared_ptr<Entry> entry = compiler_->EntryOf(code);
    if (entry == nullptr) return Status(Code::failed_precondition, "this code is not of this cache");
    return compiler_->Run(entry, false);
  }

  CodeStats stats() const override { return compiler_->stats(); }

  StatusOr<std::string> LlvmText(const ir::Kernel& kernel) override {
    return codegen::kernel_llvm_text(kernel, compiler_->target());
  }

  StatusOr<std::string> AssemblyText(const ir::Kernel& kernel) override {
    return codegen::kernel_assembly(kernel, compiler_->target());
  }

 private:
  const std::shared_ptr<Compiler> compiler_;
};

}  // namespace

std::unique_ptr<CodeCache> make_code_cache(CodeOptions options) {
  return std::make_unique<LlvmCodeCache>(std::move(options));
}

std::string describe_code_generator() {
  const CodeTarget target = codegen::host_target(0);
  return "LLVM " + codegen::llvm_version() + " for " + target.cpu + ", " +
         std::to_string(target.vector_bits) + "-bit vectors";
}

}  // namespace leat::compiler
