// The text of a timeline, of events made by hand: flows, parts, counters, calls.
#include "runtime/engine/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "runtime/program/program.h"
#include "tests/runtime/trace_rules.h"

namespace leat::runtime {
namespace {

using nlohmann::json;

// Step 0, then 1 and 2, which wait for it; step 1 has two parts, of which one does three quarters.
std::shared_ptr<const Program> make_program() {
  auto p = std::make_shared<Program>();
  p->name = "p";
  p->steps.resize(3);
  p->edges = {{0, 1, Cause::use}, {0, 2, Cause::reuse}};
  p->sources.resize(2);
  p->sources[0].op = ir::Op::exp;
  p->sources[1].op = ir::Op::add;
  p->steps[1].sources = {0, 1};
  p->steps[1].shares = {3, 1};
  return p;
}

TraceEvent step(const std::shared_ptr<const Program>& program, std::uint32_t k, std::int32_t track,
                std::int64_t begin, std::int64_t end) {
  TraceEvent e;
  e.track = track;
  e.run = 7;
  e.step = k;
  e.begin_ns = begin;
  e.end_ns = end;
  e.name = "s" + std::to_string(k);
  e.program = program;
  return e;
}

class TraceTest : public ::testing::Test {
 protected:
  TraceTest() {
    const auto program = make_program();
    TraceEvent call;
    call.kind = TraceEvent::Kind::call;
    call.track = 2000;
    call.run = 7;
    call.begin_ns = 1'000'000;
    call.end_ns = 1'001'000;
    call.name = "eval at a.cpp:3";
    TraceEvent run;
    run.kind = TraceEvent::Kind::run;
    run.run = 7;
    run.begin_ns = 1'000'500;
    run.admitted_ns = 1'000'600;
    run.end_ns = 1'012'000;
    run.bytes = 64;
    run.name = "p";
    run.program = program;
    // Step 2 is ready as step 0 ends, and waits for 5 us.
    events_ = {call, run, step(program, 0, 0, 1'002'000, 1'004'000),
               step(program, 1, 0, 1'004'000, 1'008'000), step(program, 2, 1, 1'009'000, 1'011'000)};
    all_ = json::parse(trace_json(events_))["traceEvents"];
  }
  std::vector<json> Of(const char* phase) const {
    std::vector<json> found;
    for (const json& e : all_) {
      if (e["ph"] == phase) found.push_back(e);
    }
    return found;
  }
  std::vector<TraceEvent> events_;
  json all_;
};

TEST_F(TraceTest, FlowsLeadToWhatWaited) {
  const std::vector<json> starts = Of("s"), ends = Of("f");
  ASSERT_EQ(starts.size(), 3u);
  ASSERT_EQ(ends.size(), 3u);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_EQ(starts[k]["id"], ends[k]["id"]);
    EXPECT_EQ(ends[k]["bp"], "e");
    EXPECT_LE(starts[k]["ts"], ends[k]["ts"]);
  }
  EXPECT_EQ(starts[0]["cat"], "use");
  EXPECT_EQ(starts[0]["ts"], 3.999);  // inside step 0, whose end is 4 us after the first event
  EXPECT_EQ(ends[0]["ts"], 4.0);
  EXPECT_EQ(starts[1]["cat"], "reuse");
  EXPECT_EQ(ends[1]["tid"], 2);
  EXPECT_EQ(starts[2]["cat"], "call");
  EXPECT_EQ(starts[2]["tid"], 2001);
  EXPECT_EQ(ends[2]["ts"], 2.0);
}

TEST_F(TraceTest, PartsAreEstimatesInsideTheirStep) {
  std::vector<json> parts;
  for (const json& e : Of("X")) {
    if (e["cat"] == "part, estimated") parts.push_back(e);
  }
  ASSERT_EQ(parts.size(), 2u);
  EXPECT_EQ(parts[0]["name"], "exp (estimate)");
  EXPECT_EQ(parts[0]["ts"], 4.0);
  EXPECT_EQ(parts[0]["dur"], 3.0);
  EXPECT_EQ(parts[0]["args"]["percent"], 75.0);
  EXPECT_EQ(parts[1]["ts"], 7.0);
  EXPECT_EQ(parts[1]["dur"], 1.0);
  EXPECT_EQ(parts[1]["args"]["estimate"], true);
}

TEST_F(TraceTest, CountersFollowRunsAndReadySteps) {
  std::vector<std::pair<double, int>> bytes, ready;
  for (const json& e : Of("C")) {
    (e["name"] == "bytes in flight" ? bytes : ready).emplace_back(e["ts"], e["args"]["value"]);
  }
  EXPECT_THAT(bytes, testing::ElementsAre(std::pair(0.6, 64), std::pair(12.0, 0)));
  // Step 0 waits from admission on, step 2 from the end of step 0.
  EXPECT_THAT(ready, testing::ElementsAre(std::pair(0.6, 1), std::pair(2.0, 0), std::pair(4.0, 1),
                                          std::pair(9.0, 0)));
}

TEST_F(TraceTest, TracksHaveNames) {
  std::vector<std::string> names;
  for (const json& e : Of("M")) {
    if (e["name"] == "thread_name") names.push_back(e["args"]["name"]);
  }
  EXPECT_THAT(names, testing::ElementsAre("worker 0", "worker 1", "thread 0"));
}

TEST_F(TraceTest, KeepsTheRulesOfViewers) {
  EXPECT_THAT(broken_rules(json::parse(trace_json(events_))), testing::ElementsAre());
}

// The rules are some: each way to break one is seen.
TEST_F(TraceTest, BrokenTracesAreSeen) {
  const auto broken = [&](const auto& change) {
    json document = json::parse(trace_json(events_));
    change(document["traceEvents"]);
    const std::vector<std::string> rules = broken_rules(document);
    return rules.empty() ? "" : rules.front().substr(0, rules.front().find(": {"));
  };
  const auto first = [](json& events, const char* phase, const char* name = nullptr) -> json& {
    for (json& e : events) {
      if (e["ph"] == phase && (name == nullptr || e["name"] == name)) return e;
    }
    return events.front();
  };
  const auto drop = [&](json& events, const char* phase) {
    events.erase(events.begin() + (&first(events, phase) - &events.front()));
  };
  EXPECT_EQ(broken([&](json& e) { drop(e, "s"); }), "a flow starts once, then ends once");
  EXPECT_EQ(broken([&](json& e) { drop(e, "f"); }), "a flow starts once, then ends once");
  EXPECT_EQ(broken([&](json& e) { first(e, "s")["ts"] = 8.5; }), "a flow ends after its start");
  EXPECT_EQ(broken([&](json& e) { first(e, "f")["tid"] = 77; }), "each end of a flow lies in a slice");
  EXPECT_EQ(broken([&](json& e) { first(e, "f").erase("bp"); }), "a flow ends at the slice around it");
  EXPECT_EQ(broken([&](json& e) { first(e, "f")["name"] = "other"; }), "a flow keeps its name");
  EXPECT_EQ(broken([&](json& e) { drop(e, "e"); }), "a span is closed");
  EXPECT_EQ(broken([&](json& e) { first(e, "e")["ts"] = 0; }), "a span ends after its begin");
  EXPECT_EQ(broken([&](json& e) { first(e, "X", "s0")["dur"] = 3.5; }), "slices nest or follow each other");
  EXPECT_EQ(broken([&](json& e) { first(e, "X").erase("dur"); }), "a slice has a length");
  EXPECT_EQ(broken([&](json& e) { first(e, "X")["tid"] = 0; }), "an event has a thread, which is not 0");
  EXPECT_EQ(broken([&](json& e) { first(e, "X").erase("ts"); }), "an event has a time");
  EXPECT_EQ(broken([&](json& e) { first(e, "X")["ph"] = "Q"; }), "there is no such phase");
  EXPECT_EQ(broken([&](json& e) { drop(e, "M"), drop(e, "M"); }), "a track has a name");
  EXPECT_EQ(broken([&](json& e) { std::swap(first(e, "C"), e.back()); }), "a counter is sorted by time");
  EXPECT_EQ(broken([&](json& e) { first(e, "C")["args"]["value"] = "x"; }), "a counter's value is a number");
}

// Step 0 is queued by worker 0 and runs on a stream; step 2, which waits for it there, is queued before.
TEST_F(TraceTest, StepsOnAGpuAreOnItsStreams) {
  const auto program = make_program();
  const auto on_stream = [&](std::uint32_t k, int stream, std::int64_t begin, std::int64_t end) {
    TraceEvent e = step(program, k, 3100 + stream, begin, end);
    e.kind = TraceEvent::Kind::device;
    e.track_name = "gpu:0 stream " + std::to_string(stream);
    return e;
  };
  const std::vector<TraceEvent> events = {
      step(program, 0, 0, 1'000'000, 1'001'000), on_stream(0, 0, 1'001'500, 1'006'000),
      step(program, 1, 0, 1'001'000, 1'002'000), on_stream(1, 1, 1'006'500, 1'007'000),
      // The second half of step 2 is done by worker 1 once the device is done.
      step(program, 2, 0, 1'002'000, 1'003'000), on_stream(2, 0, 1'006'000, 1'008'000),
      step(program, 2, 1, 1'009'000, 1'010'000)};
  const json document = json::parse(trace_json(events));
  EXPECT_THAT(broken_rules(document), testing::ElementsAre());
  std::vector<std::string> tracks, flows;
  std::map<int, json> starts;
  for (const json& e : document["traceEvents"]) {
    if (e["name"] == "thread_name") tracks.push_back(e["args"]["name"]);
    if (e["ph"] == "s") starts[e["id"]] = e;
    if (e["ph"] != "f") continue;
    const json& s = starts[e["id"]];
    flows.push_back(e["name"].get<std::string>() + " " + s["tid"].dump() + "@" + s["ts"].dump() + " " +
                    e["tid"].dump() + "@" + e["ts"].dump());
  }
  EXPECT_THAT(tracks, testing::ElementsAre("worker 0", "worker 1", "gpu:0 stream 0", "gpu:0 stream 1"));
  EXPECT_THAT(flows, testing::ElementsAre("use 3101@5.999 3102@6.5", "reuse 3101@5.999 3101@6.0",
                                          "queue 1@0.999 3101@1.5", "queue 1@1.999 3102@6.5",
                                          "queue 1@2.999 3101@6.0"));
}

TEST(Trace, OfNothingIsADocument) { EXPECT_EQ(json::parse(trace_json({}))["traceEvents"].size(), 1u); }

}  // namespace
}  // namespace leat::runtime
