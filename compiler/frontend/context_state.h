// What is behind a Context: the engine, the code cache, the plans, the custom ops.
//
// Shared by the Context and by threads that use it at the moment; Shutdown() (from ~Context) cancels and
// comes to rest, after which only the shell is left. Tensors hold the id, never the state: the registry
// finds the state while it is open. Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "compiler/compile.h"
#include "compiler/frontend/plan_cache.h"
#include "leat/context.h"
#include "runtime/engine/engine.h"

namespace leat::frontend {

class LaunchQueue;

class ContextState {
 public:
  /// On an engine of its own, or on this one. Throws Error.
  static std::shared_ptr<ContextState> Create(ContextOptions options,
                                              std::shared_ptr<runtime::Engine> shared = nullptr);
  /// The open Context of this id, or null. Fast for the one that the thread used last.
  static const std::shared_ptr<ContextState>& Find(std::uint32_t id);
  /// The same, or throws context_gone.
  static const std::shared_ptr<ContextState>& Get(std::uint32_t id, SourceLocation where);

  ContextState(std::uint32_t id, ContextOptions options, std::shared_ptr<runtime::Engine> engine);
  ~ContextState();
  void Shutdown() noexcept;
  bool open() const { return open_.load(std::memory_order_acquire); }

  std::uint32_t id() const { return id_; }
  const ContextOptions& options() const { return options_; }
  runtime::Engine& engine() { return *engine_; }
  /// REQUIRES: open() seen under the graph lock, which is still held.
  const std::shared_ptr<runtime::Engine>& shared_engine() const { return engine_; }
  /// What of the engine's work is this Context's.
  const runtime::Ref<runtime::RunGroup>& group() const { return group_; }
  /// Runs `job` on the pool, as this Context's.
  void Schedule(std::function<void()> job) {
    engine_->Schedule(std::move(job), runtime::Priority::high, group_);
  }
  compiler::CodeCache& code() { return *code_; }
  PlanCache& plans() { return plans_; }
  LaunchQueue& launches() { return *launches_; }
  compiler::CompileOptions compile_options();
  /// "cpu:0", "cpu:1", ..., "gpu:0", ...
  std::vector<std::string> device_names() const;
  /// `input_devices`: where each input is; those that are not named: cpu:0.
  StatusOr<std::shared_ptr<const runtime::Program>> Compile(
      const ir::Graph& graph, std::vector<runtime::DeviceId> input_devices = {});

  void RegisterCustom(std::string name, CustomOp op);
  /// Null where there is none, or none for that.
  const ir::CustomFunction* FindCustom(std::string_view name) const;
  const runtime::cuda::CustomLaunch* FindCudaCustom(std::string_view name) const;
  bool HasCustom(std::string_view name) const {
    return FindCustom(name) != nullptr || FindCudaCustom(name) != nullptr;
  }

  ContextStats stats() const;
  /// A child of fork has the memory but not the threads: throws failed_precondition there.
  void CheckProcess(SourceLocation where) const;

  /// Keeps the engine there for a while: Shutdown waits until nobody holds one. REQUIRES: open() seen under
  /// the graph lock, which is still held.
  class Use {
   public:
    explicit Use(ContextState& state) : state_(state) {
      state_.users_.fetch_add(1, std::memory_order_relaxed);
    }
    ~Use() {
      if (state_.users_.fetch_sub(1, std::memory_order_acq_rel) == 1 && !state_.open())
        state_.users_.notify_all();
    }
    Use(const Use&) = delete;
    Use& operator=(const Use&) = delete;

   private:
    ContextState& state_;
  };

  // Guarded by the graph lock.
  std::uint64_t next_walk = 1;
  std::shared_ptr<Plan> last_quick;  // the quick plan that was used last

  std::atomic<std::uint64_t> runs{0}, recomputed_bytes{0}, auto_flushes{0};

 private:
  const std::uint32_t id_;
  std::shared_ptr<runtime::Engine> engine_;
  const runtime::Ref<runtime::RunGroup> group_ = runtime::make_ref<runtime::RunGroup>();
  const ContextOptions options_;  // those of the engine are as it made them
  const std::uint32_t fork_generation_;
  std::atomic<bool> open_{true};
  std::atomic<std::int32_t> users_{0};
  std::unique_ptr<compiler::CodeCache> code_;
  PlanCache plans_;
  std::unique_ptr<LaunchQueue> launches_;
  mutable std::mutex custom_mutex_;
  // Programs point at these: a replaced one stays until the end.
  struct CustomFunctions {  // empty: none for that
    ir::CustomFunction host;
    runtime::cuda::CustomLaunch cuda;
  };
  std::map<std::string, std::shared_ptr<const CustomFunctions>, std::less<>> custom_;
  std::vector<std::shared_ptr<const CustomFunctions>> replaced_custom_;
  ContextStats last_stats_;  // after Shutdown
};

}  // namespace leat::frontend
