// inspect(): counts that can be checked by hand, reasons, memory and the critical path.
#include "leat/inspect.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "leat/create.h"
#include "leat/nn.h"
#include "leat/ops.h"

namespace leat {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Inspection inspect_text(const char* text, std::optional<Roofline> roofline = {}) {
  return inspect(Graph::Parse(text).value(), {.roofline = std::move(roofline)}).value();
}

constexpr const char* kLayer = R"(
graph @layer(%x: f32[32,64], %w: f32[64,16], %b: f32[16]) -> (f32[32,16], f32[32]) {
  %p = matmul %x %w
  %bb = broadcast %b {dims=[1]} : f32[32,16]
  %s = add %p %bb
  %e = exp %s
  %r = reduce_sum %e {dims=[1]}
  return %e, %r
})";

TEST(Inspect, CountsWhatIsWritten) {
  const Inspection seen = inspect_text(kLayer);
  EXPECT_EQ(seen.name, "layer");
  ASSERT_EQ(seen.inputs.size(), 3u);
  EXPECT_EQ(seen.inputs[1].name, "w");
  EXPECT_EQ(seen.inputs[1].type, "f32[64,16]");
  EXPECT_EQ(seen.inputs[1].bytes, 4096);
  ASSERT_EQ(seen.outputs.size(), 2u);
  EXPECT_EQ(seen.outputs[1].bytes, 128);
  EXPECT_EQ(seen.operations, 2.0 * 32 * 64 * 16 + 32 * 16 + 32 * 16);  // product, add, sum
  EXPECT_EQ(seen.transcendentals, 32 * 16);
  const double product = 4 * (32 * 64 + 64 * 16 + 32 * 16), each = 4 * 32 * 16;
  EXPECT_EQ(seen.bytes_unfused, product + 3 * each + 2 * each + each + 4 * 32);
}

TEST(Inspect, StepsSayWhatIsFusedInThem) {
  const Inspection seen = inspect_text(kLayer, Roofline{1e9, 1e9, "made up"});
  ASSERT_EQ(seen.steps.size(), 1u);  // the epilogue runs on each panel of the product
  const Inspection::Step& step = seen.steps[0];
  EXPECT_EQ(step.kind, "matmul");
  EXPECT_THAT(step.ops, ElementsAre("dot_general", "broadcast", "add", "exp", "reduce_sum"));
  EXPECT_EQ(step.operations, seen.operations);
  // x, w, b are read; the product, exp and the sum written. The product is in the cache when it is read
  // again.
  EXPECT_EQ(step.bytes, 4 * (32 * 64 + 64 * 16 + 16 + 32 * 16 + 32 * 16 + 32));
  EXPECT_EQ(step.roofline_ns, seen.operations);
  EXPECT_FALSE(step.memory_bound);
  EXPECT_THAT(seen.boundaries, ::testing::IsEmpty());
  EXPECT_THAT(seen.critical_path, ElementsAre(0u));
}

TEST(Inspect, BoundariesNameStepsAndWhy) {
  const Inspection seen = inspect_text(R"(
graph @two(%x: f32[8,8]) -> (f32[8,8]) {
  %e = exp %x
  %p = matmul %e %x
  %t = tanh %p
  %q = transpose %t {dims=[1,0]}
  %m = matmul %q %p
  %y = tanh %m
  return %y
})");
  ASSERT_GE(seen.boundaries.size(), 2u);
  for (const Inspection::Boundary& b : seen.boundaries) {
    ASSERT_LT(b.producer, seen.steps.size());
    ASSERT_LT(b.reader, seen.steps.size());
    EXPECT_NE(b.producer, b.reader);
    EXPECT_NE(b.why, "");
  }
  EXPECT_EQ(seen.boundaries[0].value, "exp f32[8,8]");
  EXPECT_EQ(seen.boundaries[0].why, "dot_general is not a loop: it has code of its own");
}

TEST(Inspect, ParametersAreConstantsOfMoreThanOneElement) {
  const Inspection seen = inspect_text(R"(
graph @f(%x: f32[2]) -> (f32[2]) {
  %c = constant {value=[1, 2]} : f32[2]
  %one = constant {value=3} : f32[]
  %each = broadcast %one {dims=[]} : f32[2]
  %a = add %x %c
  %y = mul %a %each
  return %y
})");
  ASSERT_EQ(seen.parameters.size(), 1u);
  EXPECT_EQ(seen.parameters[0].dtype, DType::f32);
  EXPECT_EQ(seen.parameters[0].arrays, 1);
  EXPECT_EQ(seen.parameters[0].elements, 2);
  EXPECT_EQ(seen.parameters[0].bytes, 8);
}

TEST(Inspect, ConcurrencyAndMemoryFollowTheProgram) {
  // Two independent products, then one of both: two levels, and at the second one both results are live.
  const Inspection seen = inspect_text(R"(
graph @diamond(%x: f32[64,64], %w: f32[64,64]) -> (f32[64,64]) {
  %a = matmul %x %w
  %b = matmul %w %x
  %y = matmul %a %b
  return %y
})");
  ASSERT_GE(seen.steps.size(), 3u);
  EXPECT_EQ(seen.level_widths.back(), 1);
  EXPECT_EQ(seen.critical_path.back(), seen.steps.size() - 1);
  EXPECT_GT(seen.work_ns, seen.critical_path_ns);
  EXPECT_EQ(seen.peak_step, seen.steps.size() - 1);
  std::int64_t outputs = 0, temporaries = 0;
  for (const Inspection::Holder& h : seen.held_at_peak) (h.output ? outputs : temporaries) += h.bytes;
  EXPECT_EQ(outputs, 64 * 64 * 4);
  EXPECT_GE(temporaries, 2 * 64 * 64 * 4);
  EXPECT_EQ(seen.steps[seen.peak_step].live_bytes, outputs + temporaries);
  EXPECT_GE(seen.peak_bytes, outputs + temporaries);
}

TEST(Inspect, LoopsCountOneTurn) {
  const Inspection seen = inspect_text(R"(
graph @loop(%n: i64[]) -> (i64[]) {
  %r = while_loop %n {condition=@more, body=@less}
  return %r
}
graph @more(%n: i64[]) -> (bool[]) {
  %zero = constant {value=0} : i64[]
  %go = greater %n %zero
  return %go
}
graph @less(%n: i64[]) -> (i64[]) {
  %one = constant {value=1} : i64[]
  %m = sub %n %one
  return %m
})");
  EXPECT_TRUE(seen.has_loops);
  EXPECT_EQ(seen.operations, 2);
  EXPECT_THAT(seen.ToString(), HasSubstr("one turn of each loop"));
}

TEST(Inspect, TensorsAndJson) {
  const Tensor x = full({16, 16}, 2.0f);
  const Tensor y = softmax(matmul(x, x), -1);
  const Inspection seen = inspect(std::span(&y, 1), {.roofline = Roofline{1e9, 1e9, "made up"}}).value();
  const auto j = nlohmann::json::parse(seen.ToJson());
  EXPECT_EQ(j["operations"].get<double>(), seen.operations);
  EXPECT_EQ(j["steps"].size(), seen.steps.size());
  EXPECT_EQ(j["steps"][0]["name"], seen.steps[0].name);
  EXPECT_THAT(j["steps"][0]["where"].get<std::string>(), HasSubstr("inspect_test.cpp:"));
  EXPECT_EQ(j["roofline"]["balance"], 1.0);
  EXPECT_EQ(j["peak_bytes"], seen.peak_bytes);
}

TEST(Inspect, SymbolsAreAnError) {
  const auto seen =
      inspect(Graph::Parse("graph @f(%x: f32[n]) -> (f32[n]) {\n  %y = exp %x\n  return %y\n}\n").value());
  ASSERT_FALSE(seen.ok());
  EXPECT_EQ(seen.status().code(), Code::failed_precondition);
  EXPECT_THAT(seen.status().message(), HasSubstr("symbolic dimensions"));
}

}  // namespace
}  // namespace leat
