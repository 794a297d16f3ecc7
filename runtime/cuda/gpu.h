// One GPU of an engine: its context, streams, memory and loaded kernels, and whether it is lost.
//
// The engine owns it; any thread may call anything. Errors of the driver come as Status: out of memory is
// resource_exhausted and leaves the device as it is; any other error latches the device as lost, after which
// every call answers device_lost and everything that waits for the device goes on. Nothing here blocks but
// Create, Quiesce and the moment in which the device is lost.
//
//   StatusOr<std::shared_ptr<Gpu>> gpu = Gpu::Create(driver, 0);
//   const Gpu::Current current(**gpu);                       // for calls of the driver on this thread
//   Status s = (*gpu)->Check((*gpu)->driver().EventRecord(event, stream), "cuEventRecord");
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "runtime/cuda/cublas_lt_abi.h"
#include "runtime/cuda/driver.h"
#include "runtime/cuda/gpu_code.h"
#include "runtime/cuda/gpu_description.h"
#include "runtime/engine/buffer.h"
#include "runtime/program/resume.h"

namespace leat::runtime::cuda {

/// Streams of a device, by number: kernels, then copies to the device, then copies from it.
inline constexpr int kComputeStreams = 4, kCopyInStreams = 2, kCopyOutStreams = 2;
inline constexpr int kStreams = kComputeStreams + kCopyInStreams + kCopyOutStreams;
/// Runs share this many sets of them in turn.
inline constexpr int kStreamSets = 4;

class CublasLt;

using StreamSet = std::vector<CuStream>;  // kStreams of them
/// "stream 2", "copy in 1", "copy out 0, set 3": of number `set * kStreams + stream`.
std::string stream_name(std::int64_t number);

/// Something that waits for a stream to reach a point: goes on once, then or when the device is lost.
struct Completion {
  Resume resume;
  class Gpu* gpu = nullptr;
  std::int64_t reached_ns = 0;  // when it went on; 0: not yet
  std::atomic<bool> waiting{false};
};

/// What gives something back is tried twice: a failure that passes is no leak.
template <class Call>
void give_back(Call call) {
  if (call() != decltype(call()){}) call();
}

class Gpu;
/// Whatever is queued on the streams of `gpus` from now on comes after what is on `stream`, of the context of
/// `owner`, by now. Blocks nobody.
Status queue_behind(CuStream stream, Gpu& owner, std::span<const std::shared_ptr<Gpu>> gpus);

class Gpu final : public std::enable_shared_from_this<Gpu> {
 public:
  /// gpu:`number`: the device of `context`, which stays its owner's, or that of this number in its primary
  /// context. not_found, or what the driver says.
  static StatusOr<std::shared_ptr<Gpu>> Create(std::shared_ptr<const Driver> driver, int number,
                                               CuContext context = nullptr);
  ~Gpu();
  Gpu(const Gpu&) = delete;
  Gpu& operator=(const Gpu&) = delete;

  const Driver& driver() const { return *driver_; }
  const GpuDescription& description() const { return description_; }
  std::int64_t memory_bytes() const { return memory_bytes_; }  // of the device
  CuContext context() const { return context_; }
  std::string name() const { return "gpu:" + std::to_string(number_); }

  /// Makes the device's context current on this thread while it lives.
  class Current {
   public:
    explicit Current(const Gpu& gpu);
    ~Current();
    Current(const Current&) = delete;
    Current& operator=(const Current&) = delete;
    const Status& status() const { return status_; }

   private:
    const Driver& driver_;
    Status status_;
  };

  /// Ok, or what went wrong with `call`, which may have lost the device.
  Status Check(CuResult result, const char* call) {
    if (result == CuResult::success) [[likely]]
      return {};
    return Failed(result, call);
  }
  /// Ok, or why the device is lost.
  Status lost() const;
  /// Once the device is lost: returns when nothing of it runs any more.
  void AwaitQuiet();

  /// The streams of the next run.
  StatusOr<const StreamSet*> TakeStreams();
  /// Whatever is queued on the device's streams from now on comes after `event`, of any device.
  Status QueueBehind(CuEvent event);
  /// The number of the device, as the driver has it.
  int ordinal() const { return device_; }
  /// Which of the kStreamSets sets this is.
  int NumberOf(const StreamSet* set) const;
  /// Calls completion.resume when `stream` has done what is queued on it so far. REQUIRES: a Current.
  Status ResumeAfter(CuStream stream, Completion& completion);

  /// The kernel's function, loaded at first use. REQUIRES: a Current.
  StatusOr<CuFunction> Load(const std::shared_ptr<const GpuCode>& code, std::uint32_t shared_bytes);
  /// What was loaded as `function`; null for any other. For tests and traces.
  std::shared_ptr<const GpuCode> CodeOf(CuFunction function) const;

  /// cuBLASLt, and its handle for this device.
  struct Lt {
    std::shared_ptr<const CublasLt> library;
    LtHandle handle = nullptr;
  };
  /// Opened at the first call. not_found, with the reason, where there is none: then it is not looked for
  /// again.
  StatusOr<Lt> Contractions() const;
  /// What the error of a call that should have queued something means: out of memory leaves the device as it
  /// is, anything else loses it.
  Status ContractionFailed(const Status& why);

  /// Device memory for an engine's Memory, which keeps the device; pinned host memory that every device
  /// reaches.
  std::shared_ptr<Allocator> MakeAllocator();
  Memory& pinned() const { return *pinned_; }

  /// Waits until nothing of the device runs. For the end of an engine.
  void Quiesce();

 private:
  friend class DeviceAllocator;
  struct Loaded {
    std::shared_ptr<const GpuCode> code;
    CuModule module = nullptr;
    CuFunction function = nullptr;
    std::uint32_t shared_bytes = 48 << 10;  // granted
  };
  Gpu() = default;
  Status Open(std::shared_ptr<const Driver> driver, int number, CuContext context);
  Status Failed(CuResult result, const char* call);
  void Lose(Status why);
  void Settle();
  Status AddStreams();  // REQUIRES: streams_mutex_ is held
  StatusOr<Loaded> LoadModule(const std::shared_ptr<const GpuCode>& code);
  void CloseContractions();
  void Reached(Completion& completion);
  void Watch();

  std::shared_ptr<const Driver> driver_;
  int number_ = 0;
  CuDevice device_ = 0;
  CuContext context_ = nullptr;
  bool retained_ = false;  // the primary context, which is given back
  GpuDescription description_;
  std::int64_t memory_bytes_ = 0;
  Ref<Memory> pinned_;
  CuStream memory_stream_ = nullptr;
  CuMemoryPool pool_ = nullptr;

  mutable std::mutex streams_mutex_;
  std::vector<std::unique_ptr<StreamSet>> sets_;
  std::uint64_t next_set_ = 0;

  mutable std::mutex lt_mutex_;  // guards the next two
  mutable Lt lt_;
  mutable Status lt_absent_;

  std::mutex loading_mutex_;       // held while the driver compiles
  mutable std::mutex code_mutex_;  // guards loaded_
  std::unordered_map<const GpuCode*, Loaded> loaded_;

  // A lost device calls no host function: the watcher looks for that while somebody waits.
  std::mutex waiting_mutex_;
  std::condition_variable waiting_changed_;
  std::unordered_set<Completion*> waiting_;
  bool watcher_sleeps_ = false, stopping_ = false;
  std::thread watcher_;

  std::atomic<bool> is_lost_{false};
  mutable std::mutex lost_mutex_;  // held until the lost device is quiet
  std::string lost_message_;
};

}  // namespace leat::runtime::cuda
