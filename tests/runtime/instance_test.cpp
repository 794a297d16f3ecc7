// What a run needs besides its program: whose arenas it has, and where its temporaries lie.
#include "runtime/executor/instance.h"

#include <gtest/gtest.h>

#include <cstring>

#include "runtime/executor/copy_step.h"
#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

// y is x, by way of a temporary.
std::shared_ptr<const Program> make_detour(std::int64_t bytes) {
  ProgramBuilder b;
  const auto x = b.Input(bytes), between = b.Temporary(bytes), y = b.Output(bytes);
  for (const auto& [from, to] : {std::pair(x, between), std::pair(between, y)}) {
    const CopyPlan plan = plan_copy(bytes);
    b.Step("copy", {from}, {to}, nullptr, plan.cost_ns);
    b.program().steps.back().body = plan.body;
    b.program().steps.back().units = plan.units;
  }
  return b.Finish();
}

TEST(InstanceTest, ProgramsShareLargeArenas) {
  const auto allocator = std::make_shared<CheckingAllocator>();
  auto engine = Engine::Create({.workers = 2, .allocator = allocator}).value();
  constexpr std::int64_t kSizes[] = {3'000'000, 2'000'000, 1'700'000};
  std::vector<std::shared_ptr<const Program>> programs;
  for (const std::int64_t bytes : kSizes) programs.push_back(make_detour(bytes));
  std::vector<char> content(kSizes[0]);
  for (std::size_t k = 0; k < content.size(); ++k) content[k] = static_cast<char>(k * 7 + k / 1000);
  const auto start = [&](std::size_t which) {
    const auto bytes = static_cast<std::size_t>(kSizes[which]);
    const Ref<Value> out = Value::Pending();
    engine->Submit({.program = programs[which],
                    .inputs = {Value::Ready(Buffer::Wrap(content.data(), bytes, {}))},
                    .outputs = {out}});
    return out;
  };
  const auto finish = [&](const Ref<Value>& out, std::size_t which) {
    out->Wait().IgnoreError();
    ASSERT_EQ(out->state(), Value::State::ready) << out->status().ToString();
    EXPECT_EQ(std::memcmp(out->buffer()->data(), content.data(), static_cast<std::size_t>(kSizes[which])), 0);
  };
  for (std::size_t which : {0, 1, 2}) {
    const std::int64_t before = allocator->total.load();
    finish(start(which), which);
    ASSERT_TRUE(engine->WaitIdle().ok());
    // Its output; the first one's arena serves the others.
    EXPECT_EQ(allocator->total.load() - before, which == 0 ? 2 : 1) << which;
  }
  EXPECT_EQ(engine->stats().memory[0].live_bytes, 0);
  for (int round = 0; round < 20; ++round) {  // many at once have an arena each
    std::vector<Ref<Value>> outputs;
    for (std::size_t k = 0; k < 9; ++k) outputs.push_back(start(k % 3));
    for (std::size_t k = 0; k < 9; ++k) finish(outputs[k], k % 3);
  }
}

// An arena that is there at the second try, and one that has moved at the first, which failed.
TEST(InstanceTest, TemporariesMoveWithTheirArenasThoughAnotherWasNotToBeHad) {
  constexpr std::int64_t kBytes = 2'000'000;
  const auto near_allocator = std::make_shared<CheckingAllocator>(),
             far_allocator = std::make_shared<CheckingAllocator>();
  const Memories memories = {make_ref<Memory>(DeviceId{0}, near_allocator, 0),
                             make_ref<Memory>(DeviceId{1}, far_allocator, 0)};
  ProgramBuilder b;
  const auto x = b.Input(8), near = b.Temporary(kBytes), far = b.Temporary(kBytes, 1), y = b.Output(8);
  const auto nothing = [](StepContext&, std::int64_t, std::int64_t) { return Status(); };
  b.Step("a", {x}, {near}, nothing);
  b.Step("b", {near}, {far}, nothing);
  b.Step("c", {far}, {y}, nothing);
  const auto program = b.Finish();
  const std::unique_ptr<Instance> instance = make_instance(*program, memories, {}).value();
  for (Ref<Buffer>& arena : instance->arenas) arena = nullptr;
  const Ref<Buffer> others = memories[0]->Allocate(kBytes).value();
  Ref<Buffer> held = memories[1]->Allocate(kBytes).value();
  far_allocator->fail_at = 0;
  EXPECT_EQ(instance->TakeArenas(*program, memories, Fit::close).code(), Code::resource_exhausted);
  held = nullptr;
  ASSERT_TRUE(instance->TakeArenas(*program, memories, Fit::close).ok());
  std::size_t k = 0;
  for (const Step& step : program->steps) {
    for (const Use& use : step.uses) {
      const BufferInfo& buffer = program->buffers[use.buffer];
      if (buffer.kind == BufferInfo::Kind::temporary) {
        EXPECT_EQ(instance->pointers[k],
                  static_cast<std::byte*>(instance->arenas[buffer.device]->data()) + buffer.offset);
      }
      ++k;
    }
  }
}

}  // namespace
}  // namespace leat::runtime
