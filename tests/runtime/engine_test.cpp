// The engine beyond steps: memory of runs, devices, traces, threads of the host, floating-point modes.
#include "runtime/engine/engine.h"

#include <gmock/gmock.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xmmintrin.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>

#include "runtime/executor/copy_step.h"
#include "runtime/executor/prepared_run.h"
#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using State = Value::State;
using testing::HasSubstr;

std::unique_ptr<Engine> make_engine(EngineOptions options = {}) {
  if (options.workers == 0) options.workers = 2;
  if (!options.allocator) options.allocator = std::make_shared<CheckingAllocator>();
  return Engine::Create(std::move(options)).value();
}

std::int64_t& at(StepContext& c, std::size_t k) { return *static_cast<std::int64_t*>(c.pointers[k]); }

std::shared_ptr<const Program> make_add_one(bool may_alias = false) {
  ProgramBuilder b;
  const auto x = b.Input(8), y = b.Output(8);
  b.Step(
      "add", {x}, {y},
      [](StepContext& c, std::int64_t, std::int64_t) {
        at(c, 1) = at(c, 0) + 1;
        return Status();
      },
      50, may_alias);
  return b.Finish();
}

TEST(EngineTest, RejectsBadOptions) {
  EXPECT_EQ(Engine::Create({.workers = -1}).status().code(), Code::invalid_argument);
  EXPECT_EQ(Engine::Create({.cpu_devices = 0}).status().code(), Code::invalid_argument);
  EXPECT_EQ(Engine::Create({.max_runs_in_flight = 5000}).status().code(), Code::invalid_argument);
}

TEST(EngineTest, OutputsMayBeTheCallersAnInputOrAConstant) {
  auto engine = make_engine();
  ProgramBuilder b;
  const auto x = b.Input(8), y = b.Output(8), c = b.Constant({42});
  b.Step("add", {x}, {y}, [](StepContext& s, std::int64_t, std::int64_t) {
    at(s, 1) = at(s, 0) + 1;
    return Status();
  });
  b.program().outputs = {y, x, c, y};
  const auto program = b.Finish();
  std::int64_t mine[4] = {};
  for (const bool given : {false, true}) {
    const auto outputs = pending_values(4);
    for (std::size_t k = 0; given && k < 4; ++k) outputs[k]->GiveBuffer(Buffer::Wrap(&mine[k], 8, {}));
    const auto run =
        engine->Submit({.program = program, .inputs = {ready_i64(*engine, 5)}, .outputs = outputs});
    ASSERT_TRUE(run->Wait().ok());
    ASSERT_TRUE(run->status().ok()) << run->status().ToString();
    EXPECT_EQ(as_i64(*outputs[0]), 6);
    EXPECT_EQ(as_i64(*outputs[1]), 5);
    EXPECT_EQ(as_i64(*outputs[2]), 42);
    EXPECT_EQ(as_i64(*outputs[3]), 6);
  }
  EXPECT_THAT(mine, testing::ElementsAre(6, 5, 42, 6));
}

TEST(EngineTest, DonatedMemoryIsReusedOnlyIfNobodyElseHoldsIt) {
  auto engine = make_engine();
  const auto program = make_add_one(true);
  for (const bool held : {false, true}) {
    Ref<Value> x = ready_i64(*engine, 5);
    const void* address = x->buffer()->data();
    const Ref<Buffer> view = held ? x->buffer() : nullptr;
    const Ref<Value> y = Value::Pending();
    const auto run =
        engine->Submit({.program = program, .inputs = {std::move(x)}, .outputs = {y}, .donate = {0}});
    ASSERT_TRUE(run->Wait().ok());
    EXPECT_EQ(as_i64(*y), 6);
    EXPECT_EQ(y->buffer()->data() == address, !held);
  }
}

TEST(EngineTest, BorrowedMemoryIsGivenBackAtRest) {
  auto engine = make_engine();
  std::int64_t memory = 3;
  std::atomic<int> deleted{0};
  const Ref<Value> y = Value::Pending();
  const auto run = engine->Submit({.program = make_add_one(),
                                   .inputs = {Value::Ready(Buffer::Wrap(&memory, 8, [&] { ++deleted; }))},
                                   .outputs = {y}});
  ASSERT_TRUE(run->Wait().ok());
  EXPECT_EQ(deleted, 1);
}

TEST(EngineTest, WarmRunsAllocateNoBlocks) {
  const auto allocator = std::make_shared<CheckingAllocator>();
  auto engine = make_engine({.allocator = allocator});
  const RandomProgram r = make_random_program(4, 50, 1, {}, 50);
  std::int64_t warm = 0;
  for (int k = 0; k < 20; ++k) {
    const auto outputs = pending_values(r.output_steps.size());
    ASSERT_TRUE(
        engine->RunInline({.program = r.program, .inputs = {ready_i64(*engine, k)}, .outputs = outputs})
            .ok());
    if (k == 3) warm = allocator->total.load();
  }
  EXPECT_EQ(allocator->total.load(), warm);
  EXPECT_EQ(engine->stats().runs_finished, 20u);
}

TEST(EngineTest, VirtualDevicesHaveMemoryOfTheirOwn) {
  auto engine = make_engine({.cpu_devices = 2});
  constexpr std::int64_t kBytes = 1'000'000;
  ProgramBuilder b;
  const auto x = b.Input(kBytes), far = b.Temporary(kBytes, 1), y = b.Output(kBytes);
  for (const auto& [from, to] : {std::pair(x, far), std::pair(far, y)}) {
    const CopyPlan plan = plan_copy(kBytes);
    b.Step("copy", {from}, {to}, nullptr, plan.cost_ns);
    b.program().steps.back().body = plan.body;
    b.program().steps.back().units = plan.units;
  }
  const auto program = b.Finish();
  const Ref<Buffer> in = engine->Allocate(kBytes).value();
  for (std::int64_t k = 0; k < kBytes; ++k) static_cast<char*>(in->data())[k] = static_cast<char>(k * 7);
  const Ref<Value> out = Value::Pending();
  ASSERT_TRUE(
      engine->Submit({.program = program, .inputs = {Value::Ready(in)}, .outputs = {out}})->Wait().ok());
  ASSERT_EQ(out->state(), State::ready) << out->status().ToString();
  EXPECT_EQ(std::memcmp(out->buffer()->data(), in->data(), kBytes), 0);
  EXPECT_GE(engine->stats().memory[1].live_bytes, kBytes);  // the idle arena
  engine->TrimMemory();
  EXPECT_EQ(engine->stats().memory[1].live_bytes, 0);
  // A value that is elsewhere is copied to where the plan reads it.
  const Ref<Buffer> elsewhere = engine->Allocate(kBytes, 1).value();
  std::memcpy(elsewhere->data(), in->data(), kBytes);
  const Ref<Value> moved = Value::Pending();
  const auto run =
      engine->Submit({.program = program, .inputs = {Value::Ready(elsewhere)}, .outputs = {moved}});
  ASSERT_TRUE(run->Wait().ok());
  ASSERT_EQ(moved->state(), State::ready) << moved->status().ToString();
  EXPECT_EQ(moved->buffer()->device(), 0);
  EXPECT_EQ(std::memcmp(moved->buffer()->data(), in->data(), kBytes), 0);
}

TEST(EngineTest, PreparedRunsWorkInPlaceAndReportFaults) {
  auto engine = make_engine();
  auto run = PreparedRun::Create(*engine, make_add_one()).value();
  std::int64_t x = 1, y = 0;
  const void* inputs[] = {&x};
  void* outputs[] = {&y};
  for (int k = 0; k < 10; ++k) {
    x = k;
    ASSERT_TRUE(run->RunInto(inputs, outputs).ok());
    EXPECT_EQ(y, k + 1);
  }
  ProgramBuilder b;
  const auto in = b.Input(8), t = b.Temporary(8), out = b.Output(8);
  b.Step("check", {in}, {t}, [](StepContext& c, std::int64_t, std::int64_t) {
    return at(c, 0) < 0 ? Status(Code::out_of_range, "negative") : Status();
  });
  b.Step("use", {t}, {out}, [](StepContext& c, std::int64_t, std::int64_t) {
    at(c, 1) = 9;
    return Status();
  });
  auto checked = PreparedRun::Create(*engine, b.Finish()).value();
  x = -1;
  const Status s = checked->RunInto(inputs, outputs);
  EXPECT_EQ(s.code(), Code::out_of_range);
  EXPECT_EQ(s.message(), "negative\n  needed by use");
  x = 1;
  EXPECT_TRUE(checked->RunInto(inputs, outputs).ok());
  EXPECT_EQ(y, 9);
}

TEST(EngineTest, StepsSeeTheDefaultFloatingPointMode) {
  const unsigned before = _mm_getcsr();
  _mm_setcsr((before | 0x8040) & ~0x3fu);  // flush to zero, denormals are zero
  std::atomic<unsigned> seen{0};
  ProgramBuilder b;
  const auto y = b.Output(8);
  b.Step("mode", {}, {y}, [&](StepContext&, std::int64_t, std::int64_t) {
    seen.fetch_or(_mm_getcsr() & ~0x3fu);
    volatile float tiny = 1e-30f;
    tiny = tiny * tiny;
    return Status();
  });
  const auto program = b.Finish();
  {
    auto engine = make_engine();
    ASSERT_TRUE(engine->Submit({.program = program, .outputs = pending_values(1)})->Wait().ok());
    ASSERT_TRUE(engine->RunInline({.program = program, .outputs = pending_values(1)}).ok());
    auto prepared = PreparedRun::Create(*engine, program).value();
    std::int64_t out = 0;
    void* outputs[] = {&out};
    ASSERT_TRUE(prepared->RunInto(nullptr, outputs).ok());
  }
  EXPECT_EQ(_mm_getcsr(), (before | 0x8040) & ~0x3fu);  // the sticky flags too
  _mm_setcsr(before);
  EXPECT_EQ(seen, 0x1f80u);
}

TEST(EngineTest, WhateverAStepThrowsIsAFaultOfARunOnTheCallersThread) {
  ProgramBuilder b;
  const auto y = b.Output(8);
  b.Step("throws", {}, {y}, [](StepContext&, std::int64_t, std::int64_t) -> Status { throw 7; });
  auto engine = make_engine();
  auto prepared = PreparedRun::Create(*engine, b.Finish()).value();
  std::int64_t out = 0;
  void* outputs[] = {&out};
  const Status s = prepared->RunInto(nullptr, outputs);
  EXPECT_EQ(s.code(), Code::custom_op_failed);
  EXPECT_THAT(s.message(), testing::HasSubstr("a step threw"));
}

TEST(EngineTest, TracesStepsRunsAndPlansWithoutOverlap) {
  auto engine = make_engine({.always_concurrent = true});
  const RandomProgram r = make_random_program(4, 40, 0);
  EXPECT_TRUE(engine->TakeTrace().empty());
  engine->SetTracing(true);
  const auto run =
      engine->Submit({.plan = [&]() -> StatusOr<std::shared_ptr<const Program>> { return r.program; },
                      .outputs = pending_values(r.output_steps.size()),
                      .label = "the \"label\""});
  ASSERT_TRUE(run->Wait().ok());
  ASSERT_TRUE(engine->WaitIdle().ok());
  engine->SetTracing(false);
  const std::vector<TraceEvent> events = engine->TakeTrace();
  std::vector<int> seen(40, 0);
  int runs = 0, plans = 0;
  std::vector<std::int64_t> last_end(2000, 0);
  for (const TraceEvent& e : events) {
    EXPECT_LE(e.begin_ns, e.end_ns);
    if (e.kind == TraceEvent::Kind::run) {
      ++runs;
      EXPECT_EQ(e.name, "the \"label\"");
    }
    plans += e.kind == TraceEvent::Kind::plan;
    if (e.kind != TraceEvent::Kind::step) continue;
    ++seen[e.step];
    EXPECT_EQ(e.name, "step" + std::to_string(e.step));
    EXPECT_GE(e.begin_ns, last_end[static_cast<std::size_t>(e.track)]);
    last_end[static_cast<std::size_t>(e.track)] = e.end_ns;
  }
  EXPECT_THAT(seen, testing::Each(1));
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(plans, 1);
  const std::string json = trace_json(events);
  EXPECT_THAT(json, HasSubstr("\"ph\":\"X\""));
  EXPECT_THAT(json, HasSubstr("the \\\"label\\\""));
}

TEST(EngineTest, TracesStepsOnTheCallersThread) {
  auto engine = make_engine();
  engine->SetTracing(true);
  ASSERT_TRUE(
      engine
          ->RunInline(
              {.program = make_add_one(), .inputs = {ready_i64(*engine, 1)}, .outputs = pending_values(1)})
          .ok());
  const std::vector<TraceEvent> events = engine->TakeTrace();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].kind, TraceEvent::Kind::run);
  EXPECT_EQ(events[1].name, "add");
  EXPECT_EQ(events[1].track, 1000);
}

class HostThreads final : public ExecutorHook {
 public:
  HostThreads() {
    for (int k = 0; k < 3; ++k) {
      threads_.emplace_back([this] {
        for (;;) {
          std::unique_lock lock(mutex_);
          changed_.wait(lock, [&] { return stop_ || !jobs_.empty(); });
          if (jobs_.empty()) return;
          const auto job = std::move(jobs_.front());
          jobs_.pop_front();
          lock.unlock();
          job();
        }
      });
    }
  }
  ~HostThreads() override {
    {
      const std::lock_guard lock(mutex_);
      stop_ = true;
    }
    changed_.notify_all();
    for (std::thread& t : threads_) t.join();
  }
  void Post(std::function<void()> job) override {
    const std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    ++posted;
    changed_.notify_one();
  }
  std::atomic<int> posted{0};

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::thread> threads_;
  bool stop_ = false;
};

TEST(EngineTest, RunsOnThreadsOfTheEmbedder) {
  const auto host = std::make_shared<HostThreads>();
  for (int round = 0; round < 5; ++round) {
    auto engine = make_engine({.workers = 3, .always_concurrent = true, .executor = host});
    const RandomProgram r = make_random_program(4, 200, 0);
    for (int k = 1; k <= 10; ++k) {
      const auto outputs = pending_values(r.output_steps.size());
      const auto run = engine->Submit({.program = r.program, .outputs = outputs});
      if (k % 2 == 0) {
        ASSERT_TRUE(run->Wait().ok());
        for (const auto& step : *r.ran) ASSERT_EQ(step.load(), k);
      } else {
        while (!run->done()) std::this_thread::yield();
      }
    }
  }
  EXPECT_GT(host->posted, 0);
}

TEST(EngineTest, LowPriorityJobsLeaveAWorkerFree) {
  auto engine = make_engine({.workers = 2});
  std::mutex mutex;
  std::condition_variable changed;
  bool release = false;
  int running = 0, most = 0;
  for (int k = 0; k < 4; ++k) {
    engine->Schedule(
        [&] {
          std::unique_lock lock(mutex);
          most = std::max(most, ++running);
          changed.wait(lock, [&] { return release; });
          --running;
        },
        Priority::low);
  }
  std::atomic<bool> high{false};
  engine->Schedule([&] { high = true; });
  while (!high) std::this_thread::yield();  // would hang if compilation took all workers
  {
    const std::lock_guard lock(mutex);
    release = true;
  }
  changed.notify_all();
  ASSERT_TRUE(engine->WaitIdle().ok());
  EXPECT_EQ(most, 1);
}

TEST(EngineTest, TheLastOwnerMayBeAContinuation) {
  auto engine = make_engine();
  Engine* raw = engine.release();
  std::atomic<bool> gone{false};
  raw->Schedule([&, raw] {
    delete raw;
    gone = true;
  });
  while (!gone) std::this_thread::yield();
}

TEST(EngineTest, AForkedChildGetsAnError) {
  auto engine = make_engine();
  const pid_t child = fork();
  if (child == 0) {
    const auto run = engine->Submit({.program = nullptr, .outputs = pending_values(1)});
    const bool ok = run->done() && run->status().code() == Code::failed_precondition &&
                    engine->WaitIdle().code() == Code::failed_precondition && !engine->TrySubmit({}).ok();
    engine.reset();
    _exit(ok ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

std::set<std::string> threads_of_process() {
  std::set<std::string> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    threads.insert(entry.path().filename());
  return threads;
}
/// What the kernel says of the state of each, and of how often it has begun to wait or was made to.
std::string activity_of(const std::set<std::string>& threads) {
  std::string all;
  for (const std::string& thread : threads) {
    std::ifstream status("/proc/self/task/" + thread + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("State:") || line.find("ctxt_switches:") != std::string::npos) all += line + "\n";
    }
  }
  return all;
}

// While its threads are on their way to sleep, wakers choose among them.
TEST(EngineTest, EndsWhileItsThreadsGoToSleep) {
  const auto add = make_add_one();
  for (int round = 0; round < 1000; ++round) {
    auto engine = make_engine({.workers = 2 + round % 15});
    std::vector<Ref<Value>> results;
    for (int k = 0; k < round % 4; ++k) {
      std::vector<Ref<Value>> outputs = pending_values(1);
      results.push_back(outputs[0]);
      engine->Submit({.program = add, .inputs = {ready_i64(*engine, k)}, .outputs = std::move(outputs)});
    }
    for (const Ref<Value>& r : results) EXPECT_TRUE(r->Wait().ok());
    for (int k = 0; k < round % 97; ++k) _mm_pause();
    engine.reset();  // hangs where a thread is left asleep
  }
}

// They come to rest, and none of them wakes to look.
TEST(EngineTest, ThreadsOfIdleEnginesSleep) {
  const std::set<std::string> others = threads_of_process();
  auto engine = make_engine();
  ASSERT_TRUE(
      engine
          ->RunInline(
              {.program = make_add_one(), .inputs = {ready_i64(*engine, 1)}, .outputs = pending_values(1)})
          .ok());
  std::set<std::string> threads;
  std::ranges::set_difference(threads_of_process(), others, std::inserter(threads, threads.end()));
  ASSERT_GE(threads.size(), 2u);
  std::string before, after;
  for (int tries = 0; tries < 200 && (tries == 0 || before != after); ++tries) {
    before = activity_of(threads);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    after = activity_of(threads);
  }
  EXPECT_EQ(before, after);
  EXPECT_EQ(after.find("R (running)"), std::string::npos) << after;
}

}  // namespace
}  // namespace leat::runtime
