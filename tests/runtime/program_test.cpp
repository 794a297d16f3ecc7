#include "runtime/program/program.h"

#include <gmock/gmock.h>

#include "runtime/executor/step_graph.h"
#include "tests/concurrency/programs.h"

namespace leat::runtime {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const StepFunction nothing = [](StepContext&, std::int64_t, std::int64_t) { return Status(); };

std::shared_ptr<const Program> make_diamond() {
  ProgramBuilder b;
  b.program().name = "diamond";
  const auto x = b.Input(8), s = b.Temporary(8), t = b.Temporary(8), u = b.Temporary(8), y = b.Output(8);
  b.Step("a", {x}, {s}, nothing, 10);
  b.Step("b", {s}, {t}, nothing, 500);
  b.Step("c", {s, x}, {u}, nothing, 100);
  b.Step("d", {t, u}, {y}, nothing, 20);
  b.program().edges.push_back({1, 2, Cause::reuse});
  b.program().edges.push_back({0, 1, Cause::reuse});  // the use is there already
  return b.Finish();
}

TEST(ProgramTest, FinishDerivesOrderRanksAndReaders) {
  const auto p = make_diamond();
  EXPECT_THAT(p->successor_begin, ElementsAre(0u, 2u, 4u, 5u, 5u));
  EXPECT_THAT(p->successors, ElementsAre(2u, 1u, 3u, 2u, 3u));  // the least urgent first
  EXPECT_THAT(p->in_degree, ElementsAre(0u, 1u, 2u, 2u));
  EXPECT_THAT(p->input_readers, ElementsAre(ElementsAre(0u, 2u)));
  EXPECT_EQ(p->steps[0].rank_ns, 630);
  EXPECT_EQ(p->edges.size(), 5u);
  EXPECT_EQ(p->edges[0].cause, Cause::use);
  EXPECT_EQ(p->graph->sink_count, 1u);
  EXPECT_LE(p->graph->bytes(), 64 * 6 + 4 * 10);
}

TEST(ProgramTest, FinishRejectsWhatIsMalformed) {
  const auto finish = [](auto&& change) {
    Program p = *make_diamond();
    change(p);
    const Status s = p.Finish();
    return std::string(name(s.code())) + ": " + s.message();
  };
  EXPECT_EQ(finish([](Program& p) {
              p.edges.push_back({3, 1, Cause::use});
            }),
            "invalid_argument: program: an edge from step 3 to step 1 goes against the order of the steps");
  EXPECT_THAT(finish([](Program& p) { p.edges.push_back({0, 9, Cause::use}); }), HasSubstr("out of range"));
  EXPECT_THAT(finish([](Program& p) { p.steps[1].uses[0].buffer = 77; }),
              HasSubstr("step 1 (b) uses a buffer out of range"));
  EXPECT_THAT(finish([](Program& p) { p.steps[0].uses[0].write = true; }), HasSubstr("writes an input"));
  EXPECT_THAT(finish([](Program& p) { p.buffers[1].offset = 1 << 20; }), HasSubstr("outside the arena"));
  EXPECT_THAT(finish([](Program& p) { p.outputs[0] = 1; }), HasSubstr("output"));
  EXPECT_THAT(finish([](Program& p) { p.steps[0].grain = 0; }), HasSubstr("grain"));
}

TEST(ProgramTest, Prints) {
  const auto p = make_diamond();
  const std::string text = print(*p);
  EXPECT_THAT(text, HasSubstr("program @diamond {\n  b0: input 0 u8[8] 8B on 0\n"));
  EXPECT_THAT(
      text, HasSubstr("step 2 c on 0 reads b1 b0 writes b3 cost 100ns rank 120ns after 0 (use), 1 (reuse)"));
  EXPECT_THAT(text, HasSubstr("  return b4\n}"));
  EXPECT_THAT(print_memory(*p), HasSubstr("[64, 72) b2 u8[8] steps 1..3"));
  EXPECT_THAT(print_memory(*p), HasSubstr("edges for reuse: 1"));
}

TEST(ProgramTest, WideFanInBecomesATree) {
  ProgramBuilder b;
  std::vector<std::uint32_t> parts;
  for (int k = 0; k < 1000; ++k) {
    parts.push_back(b.Temporary(8));
    b.Step("part", {}, {parts.back()}, nothing, 1);
  }
  const auto y = b.Output(8);
  b.Step("join", parts, {y}, nothing, 1);
  const auto p = b.Finish();
  for (const StepRecord& r : p->graph->records) EXPECT_LE(r.in_degree, kWide);
  EXPECT_EQ(p->graph->records.size(), 1001u + 2 + 63 + 4);
}

}  // namespace
}  // namespace leat::runtime
