#include "runtime/program/kernel_code.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/runtime/kernel_case.h"

namespace leat::runtime {
namespace {

using ir::Kernel;
using ir::Op;
using Level = Kernel::Level;

class RecordingContext final : public StepContext {
 public:
  void Poison(std::size_t use, const Status& fault, std::size_t source) override {
    poisoned.push_back({use, fault.message(), source});
  }
  bool stopping() const override { return false; }
  struct Entry {
    std::size_t use;
    std::string message;
    std::size_t source;
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  std::vector<Entry> poisoned;
};

/// out0 = x / y, out1 = x % 3, out2 = out0 + out1, over i32.
KernelCase divisions(std::int64_t n) {
  KernelCase c;
  c.sizes = {n};
  std::vector<std::byte> x(static_cast<std::size_t>(n) * 4), y(static_cast<std::size_t>(n) * 4);
  for (std::int64_t i = 0; i < n; ++i) {
    const auto a = static_cast<std::int32_t>(10 * i), b = static_cast<std::int32_t>(i % 7 + 1);
    std::memcpy(x.data() + 4 * i, &a, 4);
    std::memcpy(y.data() + 4 * i, &b, 4);
  }
  c.AddInput(DType::i32, Level::element, x, 0, {1});
  c.AddInput(DType::i32, Level::element, y, 0, {1});
  c.AddScalar(DType::i32, 3, Level::element);
  const auto quotient = c.AddInstruction(Op::div, DType::i32, Level::element, {0, 1});
  const auto remainder = c.AddInstruction(Op::rem, DType::i32, Level::element, {0, 2});
  c.AddOutput(quotient);
  c.AddOutput(remainder);
  c.AddOutput(c.AddInstruction(Op::add, DType::i32, Level::element, {quotient, remainder}));
  return c;
}

KernelStep step_of(const KernelCase& c, std::shared_ptr<KernelCode> code) {
  KernelStep::Arguments arguments{c.sizes, c.accesses, c.scalars, {}};
  arguments.faults.push_back({Status(Code::invalid_argument, "div by zero"), {2, 4}, 1});
  arguments.faults.push_back({Status(Code::invalid_argument, "rem by zero"), {3, 4}, 2});
  return KernelStep(std::move(code), std::move(arguments));
}

const std::int32_t* ints(const KernelCase& c, std::size_t slot) {
  return reinterpret_cast<const std::int32_t*>(c.buffers[slot].data());
}

TEST(KernelStep, RunsItsRangeOnTheTileTier) {
  KernelCase c = divisions(100);
  c.Launch();
  const KernelStep step = step_of(c, std::make_shared<KernelCode>(c.kernel));
  RecordingContext context;
  context.pointers = c.pointers.data();
  ASSERT_TRUE(step.Execute(context, 10, 20).ok());
  EXPECT_TRUE(context.poisoned.empty());
  EXPECT_EQ(ints(c, 2)[12], 120 / 6);
  EXPECT_EQ(ints(c, 3)[13], 130 % 3);
  EXPECT_EQ(ints(c, 4)[19], 190 / 6 + 190 % 3);
  EXPECT_EQ(ints(c, 2)[9], static_cast<std::int32_t>(0xcdcdcdcd));
  EXPECT_EQ(ints(c, 2)[20], static_cast<std::int32_t>(0xcdcdcdcd));
}

TEST(KernelStep, AFaultPoisonsTheOutputsThatDependOnIt) {
  KernelCase c = divisions(100);
  c.Launch();
  std::memset(c.buffers[1].data() + 4 * 50, 0, 4);
  const KernelStep step = step_of(c, std::make_shared<KernelCode>(c.kernel));
  RecordingContext context;
  context.pointers = c.pointers.data();
  ASSERT_TRUE(step.Execute(context, 0, 50).ok());
  EXPECT_TRUE(context.poisoned.empty());
  ASSERT_TRUE(step.Execute(context, 50, 100).ok());
  EXPECT_EQ(context.poisoned,
            (std::vector<RecordingContext::Entry>{{2, "div by zero", 1}, {4, "div by zero", 1}}));
  EXPECT_EQ(ints(c, 2)[50], 0);
}

void published(const ir::KernelLaunch* launch, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; ++i) static_cast<std::int32_t*>(launch->pointers[2])[i] = 42;
  launch->faults[1] = 1;
}

TEST(KernelCode, MachineCodeTakesOverWhenPublished) {
  KernelCase c = divisions(16);
  c.Launch();
  const auto code = std::make_shared<KernelCode>(c.kernel);
  const KernelStep step = step_of(c, code);
  RecordingContext context;
  context.pointers = c.pointers.data();
  EXPECT_FALSE(code->compiled());
  ASSERT_TRUE(step.Execute(context, 0, 8).ok());
  const auto owner = std::make_shared<int>(0);
  code->Publish(&published, owner);
  EXPECT_TRUE(code->compiled());
  EXPECT_EQ(owner.use_count(), 2);
  ASSERT_TRUE(step.Execute(context, 8, 16).ok());
  EXPECT_EQ(ints(c, 2)[7], 70);
  EXPECT_EQ(ints(c, 2)[8], 42);
  EXPECT_EQ(context.poisoned,
            (std::vector<RecordingContext::Entry>{{3, "rem by zero", 2}, {4, "rem by zero", 2}}));
}

std::int64_t taken_from = -1, taken_to = -1;
void takes(const ir::KernelLaunch*, std::int64_t begin, std::int64_t end) {
  taken_from = begin;
  taken_to = end;
}

// A range that takes the tile tier tens of milliseconds does not make machine code wait for its end.
TEST(KernelCode, MachineCodeTakesOverInTheMiddleOfARange) {
  constexpr std::int64_t kCount = 1 << 22;
  KernelCase c;
  c.sizes = {kCount};
  std::vector<std::byte> x(kCount * sizeof(float));
  for (std::int64_t i = 0; i < kCount; ++i) {
    const float v = static_cast<float>(i % 64) - 32;
    std::memcpy(x.data() + i * 4, &v, 4);
  }
  c.AddInput(DType::f32, Level::element, std::move(x), 0, {1});
  std::uint16_t y = 0;
  for (int k = 0; k < 24; ++k) y = c.AddInstruction(Op::sin, DType::f32, Level::element, {y});
  c.AddOutput(y);
  const ir::KernelLaunch launch = c.Launch();
  const std::int32_t untouched = ints(c, 1)[0];
  KernelCode code(c.kernel);
  std::atomic<bool> begun{false};
  std::thread runner([&] {
    begun = true;
    code.Run(launch, 0, kCount);
  });
  while (!begun) std::this_thread::yield();
  std::this_thread::sleep_for(std::chrono::milliseconds(2));
  code.Publish(&takes, nullptr);
  runner.join();
  EXPECT_EQ(taken_to, kCount);
  EXPECT_EQ(taken_from % 64, 0);
  for (std::int64_t i = 0; i < kCount; i += 64) {
    ASSERT_EQ(ints(c, 1)[i] != untouched, i < taken_from) << i;
  }
}

TEST(KernelStep, PrintsItsPatternSizesAndOps) {
  KernelCase c = divisions(100);
  EXPECT_EQ(step_of(c, std::make_shared<KernelCode>(c.kernel)).ToString(), "map [100] div rem add");
  c.kernel.pattern = Kernel::Pattern::row_reduce;
  c.kernel.parallel_rank = 2;
  c.sizes = {4, 5, 6};
  EXPECT_EQ(step_of(c, std::make_shared<KernelCode>(c.kernel)).ToString(),
            "row_reduce [4,5 x 6] div rem add");
}

}  // namespace
}  // namespace leat::runtime
