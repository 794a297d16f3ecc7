#include "runtime/cuda/gpu.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "runtime/engine/futex.h"

namespace leat::runtime::cuda {
namespace {

// Between two looks at a device that somebody waits for, and how many without anything to wait for until the
// watcher sleeps: it need not be woken for each run of a busy program.
constexpr std::chrono::milliseconds kLook{50};
constexpr int kIdleLooks = 20;

class PinnedAllocator final : public Allocator {
 public:
  explicit PinnedAllocator(const Gpu& gpu) : gpu_(gpu) {}
  void* Allocate(std::size_t bytes, std::size_t) override {
    const Gpu::Current current(gpu_);
    void* block = nullptr;
    return gpu_.driver().MemHostAlloc(&block, bytes, kHostPortable | kHostDeviceMap) == CuResult::success
               ? block
               : nullptr;
  }
  void Free(void* block, std::size_t, std::size_t) noexcept override {
    const Gpu::Current current(gpu_);
    give_back([&] { return gpu_.driver().MemFreeHost(block); });
  }

 private:
  const Gpu& gpu_;
};

}  // namespace

// Blocks of the device's pool: unlike cuMemFree, giving one back does not wait for the device.
class DeviceAllocator final : public Allocator {
 public:
  explicit DeviceAllocator(std::shared_ptr<const Gpu> gpu) : held_(std::move(gpu)), gpu_(*held_) {}
  void* Allocate(std::size_t bytes, std::size_t) override {
    const Gpu::Current current(gpu_);
    CuAddress address = 0;
    const Driver& driver = gpu_.driver();
    if (gpu_.pool_ == nullptr) {
      if (driver.MemAlloc(&address, bytes) != CuResult::success) return nullptr;
    } else {
      if (driver.MemAllocFromPoolAsync(&address, bytes, gpu_.pool_, gpu_.memory_stream_) != CuResult::success)
        return nullptr;
      // Other streams use it: nothing else is ever queued on this one.
      if (driver.StreamSynchronize(gpu_.memory_stream_) != CuResult::success) {
        driver.MemFreeAsync(address, gpu_.memory_stream_);
        return nullptr;
      }
    }
    return reinterpret_cast<void*>(address);
  }
  void Free(void* block, std::size_t, std::size_t) noexcept override {
    const Gpu::Current current(gpu_);
    const auto address = reinterpret_cast<CuAddress>(block);
    give_back([&] {
      return gpu_.pool_ == nullptr ? gpu_.driver().MemFree(address)
                                   : gpu_.driver().MemFreeAsync(address, gpu_.memory_stream_);
    });
  }

 private:
  const std::shared_ptr<const Gpu> held_;
  const Gpu& gpu_;
};

std::shared_ptr<Allocator> Gpu::MakeAllocator() {
  return std::make_shared<DeviceAllocator>(shared_from_this());
}

Gpu::Current::Current(const Gpu& gpu) : driver_(gpu.driver()) {
  // Giving things back needs it too, also after a failure: it is tried twice.
  CuResult result = driver_.CtxPushCurrent(gpu.context());
  if (result != CuResult::success) result = driver_.CtxPushCurrent(gpu.context());
  status_ = driver_.Check(result, "cuCtxPushCurrent");
}

Gpu::Current::~Current() {
  if (!status_.ok()) return;
  CuContext popped = nullptr;
  if (driver_.CtxPopCurrent(&popped) != CuResult::success) driver_.CtxPopCurrent(&popped);
}

StatusOr<std::shared_ptr<Gpu>> Gpu::Create(std::shared_ptr<const Driver> driver, int number,
                                           CuContext context) {
  std::shared_ptr<Gpu> gpu(new Gpu);
  if (Status s = gpu->Open(std::move(driver), number, context); !s.ok()) {
    return Status(s.code(), "gpu:" + std::to_string(number) + ": " + s.message());
  }
  return gpu;
}

Status Gpu::Open(std::shared_ptr<const Driver> driver, int number, CuContext context) {
  driver_ = std::move(driver);
  number_ = number;
  const Driver& d = *driver_;
  if (context == nullptr) {
    if (Status s = d.Check(d.DeviceGet(&device_, number), "cuDeviceGet"); !s.ok()) return s;
  } else {
    context_ = context;
    const Current current(*this);
    Status s = current.status();
    if (s.ok()) s = d.Check(d.CtxGetDevice(&device_), "cuCtxGetDevice");
    if (!s.ok()) {
      context_ = nullptr;
      return s;
    }
  }
  StatusOr<GpuDescription> description = describe_device(d, device_);
  if (!description.ok()) return description.status();
  description_ = *std::move(description);
  std::size_t bytes = 0;
  if (Status s = d.Check(d.DeviceTotalMem(&bytes, device_), "cuDeviceTotalMem"); !s.ok()) return s;
  memory_bytes_ = static_cast<std::int64_t>(bytes);
  if (context == nullptr) {
    if (Status s = d.Check(d.DevicePrimaryCtxRetain(&context_, device_), "cuDevicePrimaryCtxRetain");
        !s.ok()) {
      context_ = nullptr;
      return s;
    }
    retained_ = true;
  }
  const Current current(*this);
  if (!current.status().ok()) return current.status();
  int pools = 0;
  if (Status s =
          d.Check(d.DeviceGetAttribute(&pools, kMemoryPoolsSupported, device_), "cuDeviceGetAttribute");
      !s.ok()) {
    return s;
  }
  if (pools != 0) {
    if (Status s = d.Check(d.StreamCreate(&memory_stream_, kStreamNonBlocking), "cuStreamCreate"); !s.ok()) {
      memory_stream_ = nullptr;
      return s;
    }
    CuPoolProperties properties;
    properties.location_id = device_;
    if (Status s = d.Check(d.MemPoolCreate(&pool_, &properties), "cuMemPoolCreate"); !s.ok()) {
      pool_ = nullptr;
      return s;
    }
  }
  pinned_ = make_ref<Memory>(DeviceId{0}, std::make_shared<PinnedAllocator>(*this), 0);
  watcher_ = std::thread([this] { Watch(); });
  return {};
}

Gpu::~Gpu() {
  if (watcher_.joinable()) {
    {
      const std::lock_guard lock(waiting_mutex_);
      stopping_ = true;
      waiting_changed_.notify_all();
    }
    watcher_.join();
  }
  if (context_ == nullptr) return;
  if (pinned_) pinned_->Close();
  {
    const Current current(*this);
    // One failure is not the end of the others; what a lost device holds goes with its context.
    CloseContractions();
    for (const auto& item : loaded_) give_back([&] { return driver_->ModuleUnload(item.second.module); });
    for (const auto& set : sets_) {
      for (CuStream stream : *set) give_back([&] { return driver_->StreamDestroy(stream); });
    }
    if (memory_stream_ != nullptr) {
      give_back([&] { return driver_->StreamSynchronize(memory_stream_); });
      if (pool_ != nullptr) give_back([&] { return driver_->MemPoolDestroy(pool_); });
      give_back([&] { return driver_->StreamDestroy(memory_stream_); });
    }
  }
  if (retained_) give_back([&] { return driver_->DevicePrimaryCtxRelease(device_); });
}

Status Gpu::lost() const {
  if (!is_lost_.load(std::memory_order_acquire)) [[likely]]
    return {};
  const std::lock_guard lock(lost_mutex_);
  return Status(Code::device_lost, lost_message_);
}

void Gpu::AwaitQuiet() {
  if (is_lost_.load(std::memory_order_acquire)) const std::lock_guard lock(lost_mutex_);
}

Status Gpu::Failed(CuResult result, const char* call) {
  Status status = driver_->Check(result, call);
  status = Status(status.code(), name() + ": " + status.message());
  if (status.code() == Code::resource_exhausted) return status;
  Lose(status);
  return lost();
}

void Gpu::Lose(Status why) {
  const std::lock_guard lock(lost_mutex_);
  if (is_lost_.load(std::memory_order_relaxed)) return;
  lost_message_ = why.message() + "; the device is lost";
  is_lost_.store(true, std::memory_order_release);
  // Whatever still runs uses memory that is about to be given back.
  Settle();
  std::unordered_set<Completion*> waiting;
  {
    const std::lock_guard waiting_lock(waiting_mutex_);
    waiting.swap(waiting_);
  }
  for (Completion* completion : waiting) {
    if (completion->waiting.exchange(false, std::memory_order_acq_rel)) completion->resume();
  }
}

void Gpu::Settle() {
  const Current current(*this);
  std::vector<CuStream> all;
  {
    const std::lock_guard lock(streams_mutex_);
    for (const auto& set : sets_) all.insert(all.end(), set->begin(), set->end());
  }
  for (CuStream stream : all) {
    if (driver_->StreamSynchronize(stream) != CuResult::success) driver_->StreamSynchronize(stream);
  }
}

void Gpu::Quiesce() {
  Settle();
  AwaitQuiet();
}

Status Gpu::AddStreams() {
  const Current current(*this);
  if (!current.status().ok()) return current.status();
  auto set = std::make_unique<StreamSet>();
  for (int k = 0; k < kStreams; ++k) {
    CuStream stream = nullptr;
    const CuResult result = driver_->StreamCreate(&stream, kStreamNonBlocking);
    if (result != CuResult::success) {
      for (CuStream made : *set) give_back([&] { return driver_->StreamDestroy(made); });
      const Status why = driver_->Check(result, "cuStreamCreate");
      return Status(why.code(), name() + ": " + why.message());
    }
    set->push_back(stream);
  }
  sets_.push_back(std::move(set));
  return {};
}

StatusOr<const StreamSet*> Gpu::TakeStreams() {
  const std::lock_guard lock(streams_mutex_);
  const std::size_t wanted = next_set_ % kStreamSets;
  if (wanted >= sets_.size()) {
    if (Status s = AddStreams(); !s.ok()) return s;
  }
  ++next_set_;
  return static_cast<const StreamSet*>(sets_[std::min(wanted, sets_.size() - 1)].get());
}

Status Gpu::QueueBehind(CuEvent event) {
  const Current current(*this);
  if (!current.status().ok()) return current.status();
  // Those of the pool of memory too: it gives back what others may still read.
  std::vector<CuStream> all;
  if (memory_stream_ != nullptr) all.push_back(memory_stream_);
  {
    const std::lock_guard lock(streams_mutex_);
    while (sets_.size() < kStreamSets) {  // none is to be made later, which would not wait
      if (Status s = AddStreams(); !s.ok()) return s;
    }
    for (const auto& set : sets_) all.insert(all.end(), set->begin(), set->end());
  }
  for (CuStream stream : all) {
    if (Status s = Check(driver_->StreamWaitEvent(stream, event, 0), "cuStreamWaitEvent"); !s.ok()) return s;
  }
  return {};
}

Status queue_behind(CuStream stream, Gpu& owner, std::span<const std::shared_ptr<Gpu>> gpus) {
  const Gpu::Current current(owner);
  if (!current.status().ok()) return current.status();
  const Driver& driver = owner.driver();
  CuEvent event = nullptr;
  if (Status s = owner.Check(driver.EventCreate(&event, kEventDisableTiming), "cuEventCreate"); !s.ok())
    return s;
  const CuResult recorded = driver.EventRecord(event, stream);
  const bool foreign = recorded == CuResult::invalid_handle || recorded == CuResult::invalid_value ||
                       recorded == CuResult::invalid_context;
  Status status =
      foreign ? Status(Code::invalid_argument, "the stream is none of the CUDA context of " + owner.name() +
                                                   ": " + driver.Check(recorded, "cuEventRecord").message())
              : owner.Check(recorded, "cuEventRecord");
  for (const std::shared_ptr<Gpu>& gpu : gpus) {
    if (gpu != nullptr && status.ok()) status = gpu->QueueBehind(event);
  }
  give_back([&] { return driver.EventDestroy(event); });
  return status;
}

std::string stream_name(std::int64_t number) {
  const std::int64_t set = number / kStreams, stream = number % kStreams;
  std::string name = stream < kComputeStreams ? "stream " + std::to_string(stream)
                     : stream < kComputeStreams + kCopyInStreams
                         ? "copy in " + std::to_string(stream - kComputeStreams)
                         : "copy out " + std::to_string(stream - kComputeStreams - kCopyInStreams);
  return set == 0 ? name : name + ", set " + std::to_string(set);
}

int Gpu::NumberOf(const StreamSet* set) const {
  const std::lock_guard lock(streams_mutex_);
  return static_cast<int>(
      std::find_if(sets_.begin(), sets_.end(), [&](const auto& s) { return s.get() == set; }) -
      sets_.begin());
}

void Gpu::Reached(Completion& completion) {
  if (!completion.waiting.exchange(false, std::memory_order_acq_rel)) return;
  completion.reached_ns = now_ns();
  const Resume resume = completion.resume;
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting_.erase(&completion);
  }
  resume();
}

Status Gpu::ResumeAfter(CuStream stream, Completion& completion) {
  completion.gpu = this;
  completion.waiting.store(true, std::memory_order_release);
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting_.insert(&completion);
    if (watcher_sleeps_) waiting_changed_.notify_all();
  }
  const CuResult result = driver_->LaunchHostFunc(
      stream, [](void* c) { static_cast<Completion*>(c)->gpu->Reached(*static_cast<Completion*>(c)); },
      &completion);
  if (result == CuResult::success) return {};
  {
    const std::lock_guard lock(waiting_mutex_);
    waiting_.erase(&completion);
  }
  if (!completion.waiting.exchange(false, std::memory_order_acq_rel)) return {};  // a loss resumed it
  if (driver_->StreamSynchronize(stream) != CuResult::success) driver_->StreamSynchronize(stream);
  return Failed(result, "cuLaunchHostFunc");
}

void Gpu::Watch() {
  int idle = 0;
  std::unique_lock lock(waiting_mutex_);
  while (!stopping_) {
    if (waiting_.empty() && ++idle > kIdleLooks) {
      watcher_sleeps_ = true;
      waiting_changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      watcher_sleeps_ = false;
    } else {
      waiting_changed_.wait_for(lock, kLook, [&] { return stopping_; });
    }
    if (stopping_) return;
    if (waiting_.empty()) continue;
    idle = 0;
    lock.unlock();
    if (!is_lost_.load(std::memory_order_acquire)) {
      CuStream any = nullptr;
      {
        const std::lock_guard streams(streams_mutex_);
        if (!sets_.empty()) any = sets_[0]->front();
      }
      if (any != nullptr) {
        const Current current(*this);
        const CuResult result = driver_->StreamQuery(any);
        if (result != CuResult::success && result != CuResult::not_ready)
          Check(result, "cuStreamQuery").IgnoreError();
      }
    }
    lock.lock();
  }
}

StatusOr<Gpu::Loaded> Gpu::LoadModule(const std::shared_ptr<const GpuCode>& code) {
  Loaded loaded;
  loaded.code = code;
  std::vector<char> log(4096, '\0');
  std::int32_t options[] = {kJitErrorLog, kJitErrorLogBytes};
  void* values[] = {log.data(), reinterpret_cast<void*>(log.size())};
  const CuResult result =
      driver_->ModuleLoadDataEx(&loaded.module, code->image().c_str(), 2, options, values);
  switch (result) {
    case CuResult::success: break;
    case CuResult::invalid_image:
    case CuResult::no_binary_for_gpu:
    case CuResult::invalid_ptx:
    case CuResult::unsupported_ptx_version:
      return Status(Code::internal, name() + ": " + driver_->Check(result, "cuModuleLoadDataEx").message() +
                                        " " + log.data());
    default: return Failed(result, "cuModuleLoadDataEx");
  }
  if (Status s = Check(driver_->ModuleGetFunction(&loaded.function, loaded.module, kEntryName),
                       "cuModuleGetFunction");
      !s.ok()) {
    driver_->ModuleUnload(loaded.module);
    return s;
  }
  return loaded;
}

StatusOr<CuFunction> Gpu::Load(const std::shared_ptr<const GpuCode>& code, std::uint32_t shared_bytes) {
  const auto find = [&]() -> CuFunction {
    const std::lock_guard lock(code_mutex_);
    const auto it = loaded_.find(code.get());
    return it != loaded_.end() && shared_bytes <= it->second.shared_bytes ? it->second.function : nullptr;
  };
  if (const CuFunction function = find()) [[likely]]
    return function;
  const std::lock_guard loading(loading_mutex_);
  if (const CuFunction function = find()) return function;
  Loaded loaded;
  bool known = false;
  {
    const std::lock_guard lock(code_mutex_);
    if (const auto it = loaded_.find(code.get()); it != loaded_.end()) loaded = it->second, known = true;
  }
  if (!known) {
    StatusOr<Loaded> made = LoadModule(code);
    if (!made.ok()) return made.status();
    loaded = *std::move(made);
  }
  Status granted;
  if (shared_bytes > loaded.shared_bytes) {
    granted = Check(
        driver_->FuncSetAttribute(loaded.function, kMaxDynamicSharedBytes, static_cast<int>(shared_bytes)),
        "cuFuncSetAttribute");
    if (granted.ok()) loaded.shared_bytes = shared_bytes;
  }
  const std::lock_guard lock(code_mutex_);
  loaded_[code.get()] = loaded;
  if (!granted.ok()) return granted;
  return loaded.function;
}

std::shared_ptr<const GpuCode> Gpu::CodeOf(CuFunction function) const {
  const std::lock_guard lock(code_mutex_);
  for (const auto& [code, loaded] : loaded_) {
    if (loaded.function == function) return loaded.code;
  }
  return nullptr;
}

}  // namespace leat::runtime::cuda
