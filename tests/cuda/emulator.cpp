#include "tests/cuda/emulator.h"

#include <ucontext.h>

#include <cstring>
#include <sstream>

#include "compiler/codegen/jit.h"
#include "tests/cuda/machine_thread.h"

namespace leat::emulator {
namespace {

constexpr std::uint32_t kWarp = 32;
constexpr std::size_t kStackBytes = std::size_t{96} << 10;
constexpr std::uint32_t kNobody = ~0u, kSeveral = ~0u - 1;

/// Who used a byte last. Epochs count the barriers of all blocks; 0: never.
struct Shadow {
  std::uint32_t write_epoch = 0, writer = kNobody;
  std::uint32_t read_epoch = 0, reader = kNobody;
};

struct Tracked {
  Region region;
  bool shared = false;
  std::vector<Shadow> bytes;
  bool Holds(const std::byte* at, std::uint64_t n) const {
    const auto* begin = static_cast<const std::byte*>(region.begin);
    return at >= begin && at + n <= begin + region.bytes;
  }
};

class Grid;

struct Fiber : MachineThread {
  enum class State { ready, barrier, exchange, done };
  Grid* grid = nullptr;
  State state = State::ready;
  std::uint32_t sent = 0, mask = 0, received = 0;
  ucontext_t context;
  std::unique_ptr<char[]> stack;
};

class Grid {
 public:
  Grid(ir::KernelFunction function, const runtime::cuda::LaunchGeometry& launch, const void* parameters,
       std::vector<Region> memory)
      : function_(function), launch_(launch), parameters_(parameters), fibers_(launch.threads) {
    // One byte more than asked for, so that no bytes have an address too.
    shared_.resize((launch.shared_bytes + 31) / 16);
    memory.push_back({shared_.data(), launch.shared_bytes, "shared memory"});
    for (Region& region : memory) {
      Tracked& tracked = memory_.emplace_back();
      tracked.bytes.resize(region.bytes);
      tracked.region = std::move(region);
    }
    memory_.back().shared = true;
    for (Fiber& fiber : fibers_) fiber.stack = std::make_unique_for_overwrite<char[]>(kStackBytes);
  }

  std::string Run() {
    for (std::uint32_t block = 0; block < launch_.blocks && complaint_.empty(); ++block) RunBlock(block);
    return complaint_;
  }

  void Complain(const Fiber& fiber, const std::string& what) {
    if (!complaint_.empty()) return;
    std::ostringstream text;
    text << "thread " << fiber.thread << " of block " << fiber.block << " " << what;
    complaint_ = text.str();
  }

  /// Back to the scheduler; with a complaint, for good: nothing on the fiber's stack may own anything then.
  void Leave(Fiber& fiber) { swapcontext(&fiber.context, &scheduler_); }

  void Use(Fiber& fiber, std::byte* at, std::uint64_t bytes, std::uint64_t align, Access kind) {
    for (Tracked& tracked : memory_) {
      if (!tracked.Holds(at, bytes)) continue;
      const auto offset = static_cast<std::size_t>(at - static_cast<std::byte*>(tracked.region.begin));
      const char* wrong = reinterpret_cast<std::uintptr_t>(at) % align != 0 ? " misaligned" : nullptr;
      const char* clash = nullptr;
      for (std::size_t k = offset; k < offset + bytes && kind != Access::atomic && clash == nullptr; ++k)
        clash = Note(fiber, tracked, tracked.bytes[k], kind);
      if (wrong == nullptr && clash == nullptr) return;
      Complain(fiber, Describe(bytes, kind) + (wrong == nullptr ? "" : wrong) + " at byte " +
                          std::to_string(offset) + " of " + tracked.region.name +
                          (clash == nullptr ? "" : clash));
      Leave(fiber);
      return;
    }
    ComplainOutside(fiber, at, bytes, kind);
    Leave(fiber);
  }

 private:
  static std::string Describe(std::uint64_t bytes, Access kind) {
    return (kind == Access::read ? "reads " : "writes ") + std::to_string(bytes) + " bytes";
  }

  void ComplainOutside(const Fiber& fiber, const std::byte* at, std::uint64_t bytes, Access kind) {
    std::string near;
    for (const Tracked& tracked : memory_) {
      const auto distance = at - static_cast<std::byte*>(tracked.region.begin);
      const auto size = static_cast<std::ptrdiff_t>(tracked.region.bytes);
      if (distance > -4096 && distance < size + 4096 && near.empty())
        near = " (byte " + std::to_string(distance) + " of the " + std::to_string(size) + " of " +
               tracked.region.name + ")";
    }
    Complain(fiber, Describe(bytes, kind) + near + " outside of all memory");
  }

  /// What is wrong with this use of a byte, or null.
  const char* Note(const Fiber& fiber, const Tracked& tracked, Shadow& shadow, Access kind) {
    const std::uint32_t me = fiber.thread;
    // Of global memory, whatever another block did is at the same time; shared memory is new in each block.
    const auto clashes = [&](std::uint32_t epoch, std::uint32_t who) {
      if (epoch == 0) return false;
      if (epoch < first_epoch_) return !tracked.shared;
      return epoch == epoch_ && who != me;
    };
    if (clashes(shadow.write_epoch, shadow.writer))
      return ", which another thread wrote with no barrier between";
    if (kind == Access::read) {
      if (tracked.shared && shadow.write_epoch < first_epoch_) return ", which nobody wrote";
      const bool other = shadow.read_epoch == epoch_ && shadow.reader != me;
      shadow.reader = other ? kSeveral : me;
      shadow.read_epoch = epoch_;
    } else {
      if (clashes(shadow.read_epoch, shadow.reader))
        return ", which another thread read with no barrier between";
      shadow.writer = me;
      shadow.write_epoch = epoch_;
    }
    return nullptr;
  }

  static void Body(unsigned low, unsigned high) {
    auto* fiber = reinterpret_cast<Fiber*>(static_cast<std::uintptr_t>(high) << 32 | low);
    fiber->grid->function_(
        static_cast<const ir::KernelLaunch*>(fiber->grid->parameters_),
        static_cast<std::int64_t>(reinterpret_cast<std::uintptr_t>(static_cast<MachineThread*>(fiber))), 0);
    fiber->state = Fiber::State::done;  // and on to uc_link
  }

  void RunBlock(std::uint32_t block) {
    first_epoch_ = ++epoch_;
    std::memset(shared_.data(), 0xcd, launch_.shared_bytes);
    for (std::uint32_t t = 0; t < launch_.threads; ++t) Prepare(fibers_[t], t, block);
    while (complaint_.empty()) {
      bool ran = false;
      for (Fiber& fiber : fibers_) {
        if (fiber.state != Fiber::State::ready) continue;
        ran = true;
        swapcontext(&scheduler_, &fiber.context);
        if (!complaint_.empty()) return;
      }
      const bool released = Release();
      if (!ran && !released) break;
    }
    for (const Fiber& fiber : fibers_) {
      if (fiber.state == Fiber::State::done) continue;
      Complain(fiber, fiber.state == Fiber::State::barrier ? "waits at a barrier that not all threads reach"
                                                           : "waits in a shuffle that not all threads reach");
    }
  }

  void Prepare(Fiber& fiber, std::uint32_t thread, std::uint32_t block) {
    fiber.thread = thread;
    fiber.threads = launch_.threads;
    fiber.block = block;
    fiber.blocks = launch_.blocks;
    fiber.shared = reinterpret_cast<std::byte*>(shared_.data());
    fiber.grid = this;
    fiber.state = Fiber::State::ready;
    fiber.barrier = [](MachineThread* t) {
      auto* f = static_cast<Fiber*>(t);
      f->state = Fiber::State::barrier;
      f->grid->Leave(*f);
    };
    fiber.exchange = [](MachineThread* t, std::uint32_t value, std::uint32_t mask) {
      auto* f = static_cast<Fiber*>(t);
      f->sent = value;
      f->mask = mask;
      f->state = Fiber::State::exchange;
      f->grid->Leave(*f);
      return f->received;
    };
    fiber.access = [](MachineThread* t, std::byte* at, std::uint64_t bytes, std::uint64_t align,
                      std::uint32_t kind) {
      auto* f = static_cast<Fiber*>(t);
      f->grid->Use(*f, at, bytes, align, static_cast<Access>(kind));
    };
    getcontext(&fiber.context);
    fiber.context.uc_stack.ss_sp = fiber.stack.get();
    fiber.context.uc_stack.ss_size = kStackBytes;
    fiber.context.uc_link = &scheduler_;
    const auto address = reinterpret_cast<std::uintptr_t>(&fiber);
    makecontext(&fiber.context, reinterpret_cast<void (*)()>(&Grid::Body), 2, static_cast<unsigned>(address),
                static_cast<unsigned>(address >> 32));
  }

  /// Lets the warps go on whose threads all are in a shuffle, and the block that is all at its barrier.
  bool Release() {
    bool released = false;
    for (std::size_t warp = 0; warp < fibers_.size(); warp += kWarp) {
      bool all = true;
      for (std::size_t l = 0; l < kWarp; ++l) {
        const Fiber& fiber = fibers_[warp + l];
        all = all && fiber.state == Fiber::State::exchange && fiber.mask == fibers_[warp].mask;
      }
      if (!all) continue;
      for (std::size_t l = 0; l < kWarp; ++l) {
        Fiber& fiber = fibers_[warp + l];
        fiber.received = fibers_[warp + (l ^ fiber.mask)].sent;
        fiber.state = Fiber::State::ready;
      }
      released = true;
    }
    for (const Fiber& fiber : fibers_) {
      if (fiber.state != Fiber::State::barrier) return released;
    }
    for (Fiber& fiber : fibers_) fiber.state = Fiber::State::ready;
    ++epoch_;
    return true;
  }

  const ir::KernelFunction function_;
  const runtime::cuda::LaunchGeometry launch_;
  const void* const parameters_;
  std::vector<Fiber> fibers_;
  struct alignas(16) Line {
    std::byte bytes[16];
  };
  std::vector<Line> shared_;
  std::vector<Tracked> memory_;
  std::uint32_t epoch_ = 0, first_epoch_ = 0;
  std::string complaint_;
  ucontext_t scheduler_;
};

class LoadedKernel final : public EmulatedKernel {
 public:
  explicit LoadedKernel(compiler::codegen::LoadedCode code) : code_(std::move(code)) {}
  std::string Run(const runtime::cuda::LaunchGeometry& launch, const std::vector<std::uint64_t>& parameters,
                  std::vector<Region> memory) override {
    if (launch.threads % kWarp != 0) return "the block is not of whole warps";
    if (!passed_by_value(parameters))
      memory.push_back({const_cast<std::uint64_t*>(parameters.data()), 8 * parameters.size(), "parameters"});
    Grid grid(code_.function, launch, parameters.data(), std::move(memory));
    return grid.Run();
  }

 private:
  static bool passed_by_value(const std::vector<std::uint64_t>& parameters) {
    return static_cast<std::int64_t>(8 * parameters.size()) <=
           runtime::cuda::ParameterLayout::kLargestByValue;
  }
  const compiler::codegen::LoadedCode code_;
};

}  // namespace

StatusOr<std::unique_ptr<EmulatedKernel>> EmulatedKernel::Load(const std::string& llvm_text) {
  static const StatusOr<std::shared_ptr<compiler::codegen::Jit>> jit = compiler::codegen::Jit::Create();
  if (!jit.ok()) return jit.status();
  const StatusOr<std::string> object = host_object(llvm_text);
  if (!object.ok()) return object.status();
  auto code = (*jit)->Load(*object);
  if (!code.ok()) return code.status();
  return std::unique_ptr<EmulatedKernel>(std::make_unique<LoadedKernel>(*std::move(code)));
}

}  // namespace leat::emulator
