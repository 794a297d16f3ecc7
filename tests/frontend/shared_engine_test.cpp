// One engine under several Contexts: what is whose, and what an embedder hands in.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <latch>
#include <mutex>
#include <thread>
#include <vector>

#include "leat/leat.h"

namespace leat {
namespace {

class CountingAllocator final : public Allocator {
 public:
  void* Allocate(std::size_t bytes, std::size_t alignment) override {
    ++blocks;
    ++taken;
    return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
  }
  void Free(void* block, std::size_t, std::size_t) noexcept override {
    --blocks;
    std::free(block);
  }
  std::atomic<std::int64_t> blocks{0}, taken{0};
};

class LentThreads final : public ExecutorHook {
 public:
  ~LentThreads() override {
    for (std::thread& t : threads_) t.join();
  }
  void Post(std::function<void()> job) override {
    ++posted;
    const std::lock_guard lock(mutex_);
    threads_.emplace_back(std::move(job));
  }
  std::atomic<int> posted{0};

 private:
  std::mutex mutex_;
  std::vector<std::thread> threads_;
};

Code code_of(const std::function<void()>& f, std::string* message = nullptr) {
  try {
    f();
  } catch (const Error& e) {
    if (message != nullptr) *message = e.what();
    return e.code();
  }
  return Code::ok;
}

// A custom op that runs until it is let go.
class Gate {
 public:
  explicit Gate(Context& context) {
    context.RegisterCustom("gate", [this](std::span<const CustomArray> in, std::span<const CustomArray> out) {
      entered_.count_down();
      open_.wait();
      out[0].as<float>()[0] = in[0].as<float>()[0];
      return Status();
    });
  }
  Tensor Through(float x) { return custom("gate", {Tensor(x)}, {DType::f32, {}}); }
  void AwaitEntry() { entered_.wait(); }
  void Open() { open_.count_down(); }

 private:
  std::latch entered_{1}, open_{1};
};

TEST(SharedEngine, ContextsComputeOnOnePool) {
  const Engine engine({.workers = 2});
  Context a(engine), b(engine, {.tier = Tier::tiles});
  EXPECT_EQ(a.worker_count(), 2);
  EXPECT_EQ(b.options().workers, 2);
  EXPECT_EQ(b.options().tier, Tier::tiles);
  Tensor x, y;
  {
    const Context::Scope scope(a);
    x = arange(1000, DType::f32) * 2;
  }
  {
    const Context::Scope scope(b);
    y = sum(arange(1000, DType::f32));
  }
  EXPECT_EQ(x.data<float>()[999], 1998);
  EXPECT_EQ(y.item<float>(), 499500);
  EXPECT_GT(engine.bytes_live(), 0);
}

TEST(SharedEngine, WaitAllIsForOnesOwn) {
  const Engine engine({.workers = 2});
  Context slow(engine), quick(engine);
  Gate gate(slow);
  Tensor held;
  {
    const Context::Scope scope(slow);
    held = gate.Through(3);
    held.eval();
  }
  gate.AwaitEntry();
  {
    const Context::Scope scope(quick);
    const Tensor y = Tensor(1.0f) + 1;
    y.eval();
    quick.wait_all();  // returns though the other one is at work
    EXPECT_TRUE(y.ready());
    EXPECT_EQ(y.item<float>(), 2);
  }
  EXPECT_FALSE(held.ready());
  gate.Open();
  slow.wait_all();
  EXPECT_TRUE(held.ready());
  EXPECT_EQ(held.item<float>(), 3);
}

TEST(SharedEngine, AContextEndsAlone) {
  const Engine engine({.workers = 2});
  Context stays(engine);
  Gate gate(stays);
  Tensor held, lost;
  {
    const Context::Scope scope(stays);
    held = gate.Through(5);
    held.eval();
  }
  gate.AwaitEntry();
  {
    Context ends(engine);
    const Context::Scope scope(ends);
    lost = Tensor(1.0f) + 1;
    const Tensor done = Tensor(2.0f) * 2;
    EXPECT_EQ(done.item<float>(), 4);
  }
  EXPECT_EQ(code_of([&] { lost.item<float>(); }), Code::context_gone);
  gate.Open();
  EXPECT_EQ(held.item<float>(), 5);
  const Context::Scope scope(stays);
  EXPECT_EQ((Tensor(7.0f) + 1).item<float>(), 8);
}

TEST(SharedEngine, OutlivesItsHandle) {
  auto engine = std::make_unique<Engine>(EngineOptions{.workers = 1});
  Context context(*engine);
  engine.reset();
  const Context::Scope scope(context);
  EXPECT_EQ((Tensor(1.0f) + 1).item<float>(), 2);
}

TEST(SharedEngine, ItsOptionsAreNotAContexts) {
  const Engine engine({.workers = 1});
  std::string message;
  EXPECT_EQ(code_of([&] { Context c(engine, {.workers = 3}); }, &message), Code::invalid_argument);
  EXPECT_NE(message.find("Context: workers is an option of the engine that is shared"), std::string::npos)
      << message;
  EXPECT_EQ(code_of([&] { Context c(engine, {.memory_limit = 5}); }, &message), Code::invalid_argument);
  EXPECT_NE(message.find("memory_limit"), std::string::npos) << message;
  EXPECT_EQ(code_of([] { Engine e({.workers = -1}); }, &message), Code::invalid_argument);
  EXPECT_NE(message.find("workers must be 0 to 4096"), std::string::npos) << message;
}

TEST(SharedEngine, TakesTheHostsAllocator) {
  const auto allocator = std::make_shared<CountingAllocator>();
  {
    const Engine engine({.workers = 2, .allocator = allocator});
    Context context(engine);
    const Context::Scope scope(context);
    const Tensor x = arange(100'000, DType::f32);
    EXPECT_EQ(sum(x * 2).item<float>(), sum(x + x).item<float>());
    EXPECT_GT(allocator->taken, 0);
    context.wait_all();
    const std::int64_t cached = engine.bytes_cached();
    Engine(engine).Trim();
    EXPECT_LE(engine.bytes_cached(), cached);
    EXPECT_EQ(engine.bytes_cached(), 0);
  }
  EXPECT_EQ(allocator->blocks, 0);
}

TEST(SharedEngine, TakesTheHostsThreads) {
  const auto threads = std::make_shared<LentThreads>();
  {
    const Engine engine({.workers = 2, .always_concurrent = true, .executor = threads});
    Context context(engine);
    const Context::Scope scope(context);
    const Tensor x = arange(100'000, DType::f32);
    const Tensor y = sum(x * 2), z = sum(x * 3);
    eval(y, z);
    EXPECT_EQ(y.item<float>(), sum(x + x).item<float>());
    context.wait_all();
  }
  EXPECT_GT(threads->posted, 0);
}

TEST(SharedEngine, AContextMayEndOnThePoolOfOthers) {
  const Engine engine({.workers = 2});
  Context stays(engine);
  auto ends = std::make_shared<Context>(engine);
  std::latch ended(1);
  const Context::Scope scope(stays);
  const Tensor x = Tensor(1.0f) + 1;
  x.eval();
  Future(x).Then([&ended, ends = std::exchange(ends, nullptr)](StatusOr<Tensor>) mutable {
    ends.reset();
    ended.count_down();
  });
  ended.wait();
  EXPECT_EQ((Tensor(4.0f) + 1).item<float>(), 5);
}

TEST(SharedEngine, ManyFrontendsOfManyContexts) {
  const Engine engine({.workers = 2, .max_runs_in_flight = 3});
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 6; ++t) {
    threads.emplace_back([&, t] {
      for (int round = 0; round < 5; ++round) {
        Context context(engine, {.tier = t % 2 == 0 ? Tier::tiles : Tier::automatic});
        const Context::Scope scope(context);
        std::vector<Tensor> kept;
        for (int i = 0; i < 20; ++i) {
          kept.push_back(sum(arange(100 + i, DType::f32) + t));
          kept.back().eval();
        }
        if (round % 2 == 0) context.wait_all();
        for (int i = 0; i < 20; ++i) {
          const float n = 100.0f + static_cast<float>(i);
          if (round % 3 != 0 && kept[i].item<float>() != n * (n - 1) / 2 + n * static_cast<float>(t)) ++wrong;
        }
      }
    });
  }
  for (std::thread& t : threads) t.join();
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace leat
