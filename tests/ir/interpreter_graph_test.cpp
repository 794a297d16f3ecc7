// Whole graphs: control flow, custom calls, symbols, inputs that do not fit, errors and their places.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <thread>

#include "ir/inference.h"
#include "tests/ir/evaluate_text.h"

namespace leat::ir {
namespace {

using testing::HasSubstr;

TEST(InterpretControl, Cond) {
  const std::string text = R"(
graph @main(%p: bool[], %x: f32[2]) -> (f32[2]) {
  %y = cond %p %x {then_branch=@negate, else_branch=@keep}
  return %y
}
graph @negate(%x: f32[2]) -> (f32[2]) {
  %y = neg %x
  return %y
}
graph @keep(%x: f32[2]) -> (f32[2]) {
  return %x
}
)";
  const Array x = array_of<float>({2}, {1, -2});
  Array p = Array::Zeros({DType::bool_, {}});
  EXPECT_EQ(evaluate(text, {{p, x}}), "f32[2] [1, -2]");
  p.as<bool>()[0] = true;
  EXPECT_EQ(evaluate(text, {{p, x}}), "f32[2] [-1, 2]");
}

constexpr const char* kLoop = R"(
graph @main(%n: i64[], %x: i64[]) -> (i64[], i64[]) {
  %i = constant {value=0} : i64[]
  %y:3 = while_loop %i %n %x {condition=@below, body=@step}
  return %y#0, %y#2
}
graph @below(%i: i64[], %n: i64[], %x: i64[]) -> (bool[]) {
  %c = less %i %n
  return %c
}
graph @step(%i: i64[], %n: i64[], %x: i64[]) -> (i64[], i64[], i64[]) {
  %one = constant {value=1} : i64[]
  %j = add %i %one
  %y = add %x %x
  return %j, %n, %y
}
)";

TEST(InterpretControl, WhileLoop) {
  const auto run = [](std::int64_t n) {
    return evaluate(kLoop, {{array_of<std::int64_t>({}, {n}), array_of<std::int64_t>({}, {3})}});
  };
  EXPECT_EQ(run(0), "i64[] 0; i64[] 3");
  EXPECT_EQ(run(10), "i64[] 10; i64[] 3072");
  EXPECT_EQ(run(20000), "i64[] 20000; i64[] 0");  // iterative: no recursion, no bound
}

TEST(InterpretControl, FaultInABodyNamesTheWay) {
  const std::string text = R"(
graph @main(%x: i32[]) -> (i32[]) {
  %y = fused %x {body=@divide}  // at outer.cpp:2
  return %y
}
graph @divide(%x: i32[]) -> (i32[]) {
  %z = constant {value=0} : i32[]
  %y = rem %x %z  // at inner.cpp:7 label="modulo"
  return %y
}
)";
  EXPECT_EQ(evaluate(text, {{array_of<std::int32_t>({}, {3})}}),
            "invalid_argument: rem: integer division by zero (at inner.cpp:7)\n  labelled modulo\n"
            "  in @divide of fused");
}

TEST(InterpretControl, CustomCall) {
  const std::string text =
      "%x: f32[2]\n%y:2 = custom_call %x {target=\"split\"} : f32[1], f32[1]\nreturn %y#1, %y#0";
  const std::map<std::string, CustomFunction> functions = {
      {"split", [](std::span<const Array> in, std::span<Array> out) {
         out[0].as<float>()[0] = in[0].as<float>()[0];
         out[1].as<float>()[0] = in[0].as<float>()[1];
         return Status();
       }}};
  const Array x = array_of<float>({2}, {1, 2});
  EXPECT_EQ(evaluate(text, {{x}}, {&functions}), "f32[1] [2]; f32[1] [1]");
  EXPECT_EQ(evaluate(text, {{x}}), "not_found: custom_call: no function \"split\" is registered");
}

TEST(InterpretControl, CustomCallFails) {
  const std::map<std::string, CustomFunction> functions = {
      {"fails", [](auto, auto) { return Status(Code::not_found, "no such row"); }},
      {"throws", [](auto, auto) -> Status { throw std::runtime_error("out of ink"); }},
      {"retypes",
       [](auto, std::span<Array> out) {
         out[0] = array_of<float>({2}, {1, 2});
         return Status();
       }},
      {"throws_int", [](auto, auto) -> Status { throw 3; }}};
  const auto run = [&](const std::string& target) {
    return evaluate("%y = custom_call {target=\"" + target + "\"} : f32[]  // at a.cpp:1", {}, {&functions});
  };
  EXPECT_EQ(run("fails"), "custom_op_failed: custom_call \"fails\": no such row (at a.cpp:1)");
  EXPECT_EQ(run("throws"), "custom_op_failed: custom_call \"throws\": threw out of ink (at a.cpp:1)");
  EXPECT_THAT(run("retypes"), HasSubstr("\"retypes\": replaced output 0 by an array of another type"));
  EXPECT_THAT(run("throws_int"), HasSubstr("threw something that is not a std::exception"));
}

TEST(InterpretControl, EffectsRunThoughNobodyReadsThem) {
  int calls = 0;
  const std::map<std::string, CustomFunction> functions = {{"log", [&](auto, auto) {
                                                              ++calls;
                                                              return Status();
                                                            }}};
  const std::string text =
      "%x: f32[]\n%a = custom_call %x {target=\"log\"} : f32[]\n"
      "%b = custom_call %x {target=\"log\", pure=true} : f32[]\nreturn %x";
  EXPECT_EQ(evaluate(text, {{array_of<float>({}, {4})}}, {&functions}), "f32[] 4");
  EXPECT_EQ(calls, 1);
}

TEST(InterpretControl, CopyKeepsTheValue) {
  EXPECT_EQ(evaluate("%x = constant {value=[1,2]} : u8[2]\n%y = copy %x {device=\"cpu:1\"}"), "u8[2] [1, 2]");
}

TEST(InterpretGraph, SymbolsTakeTheirExtentsFromInputs) {
  const std::string text =
      "%x: f32[n<=4,2]\n%y: f32[n,2]\n%z = add %x %y\n%s = reduce_sum %z {dims=[0]}\nreturn %z, %s";
  const auto ones = [](std::int64_t n) { return array_of<float>({n, 2}, std::vector<float>(2 * n, 1)); };
  EXPECT_EQ(evaluate(text, {{ones(3), ones(3)}}), "f32[3,2] 2; f32[2] 6");
  EXPECT_EQ(evaluate(text, {{ones(0), ones(0)}}), "f32[0,2] []; f32[2] 0");
  EXPECT_EQ(evaluate(text, {{ones(3), ones(2)}}),
            "invalid_argument: input 1 of @main (%y) is f32[n<=4,2], got f32[2,2]");
  EXPECT_THAT(evaluate(text, {{ones(5), ones(5)}}),
              HasSubstr("input 0 of @main (%x) is f32[n<=4,2], got f32[5,2]"));
}

TEST(InterpretGraph, InputsThatDoNotFit) {
  const std::string text = "%x: f32[2]\n%y = neg %x";
  EXPECT_EQ(evaluate(text), "invalid_argument: @main takes 1 inputs, got 0");
  EXPECT_EQ(evaluate(text, {{array_of<double>({2}, {1, 2})}}),
            "invalid_argument: input 0 of @main (%x) is f32[2], got f64[2]");
  EXPECT_EQ(evaluate(text, {{array_of<float>({3}, {1, 2, 3})}}),
            "invalid_argument: input 0 of @main (%x) is f32[2], got f32[3]");
}

TEST(InterpretGraph, OutputsAreArraysOfTheirOwn) {
  const Array x = array_of<float>({1}, {1});
  const StatusOr<Graph> graph = parse("%x: f32[1]\n%y = neg %x\nreturn %x, %y, %y");
  std::vector<Array> out = *interpret(*graph, {{x}});
  out[0].as<float>()[0] = 7;
  out[1].as<float>()[0] = 8;
  EXPECT_EQ(x.as<float>()[0], 1);
  EXPECT_EQ(out[2].as<float>()[0], -1);
}

TEST(InterpretGraph, ALongChainRuns) {
  Graph g("chain");
  Value v = g.AddParameter("x", {DType::i64, {}});
  const Value x = v;
  for (int i = 0; i < 100000; ++i) v = *g.Add(Op::add, {v, x});
  g.outputs = {v};
  const std::vector<Array> out = *interpret(g, {{array_of<std::int64_t>({}, {1})}});
  EXPECT_EQ(out[0].as<std::int64_t>()[0], 100001);
}

TEST(InterpretGraph, DivisionByZero) {
  EXPECT_EQ(evaluate("%x = constant {value=[4,5]} : i32[2]\n%z = constant {value=[2,0]} : i32[2]\n"
                     "%y = div %x %z  // at train.cpp:41"),
            "invalid_argument: div: integer division by zero (at train.cpp:41)");
  EXPECT_EQ(evaluate("%x = constant {value=-128} : i8[]\n%z = constant {value=-1} : i8[]\n%y = div %x %z"),
            "i8[] -128");
  EXPECT_EQ(evaluate("%x = constant {value=1} : f32[]\n%z = constant {value=0} : f32[]\n%y = div %x %z"),
            "f32[] inf");
}

TEST(InterpretGraph, Elementwise) {
  EXPECT_EQ(evaluate("%p = constant {value=[true,false]} : bool[2]\n%x = constant {value=[1,2]} : f16[2]\n"
                     "%y = constant {value=[3,4]} : f16[2]\n%z = select %p %x %y"),
            "f16[2] [1, 4]");
  EXPECT_EQ(evaluate("%x = constant {value=[1.5,nan,1e10]} : f32[3]\n%y = convert %x {dtype=i32}"),
            "i32[3] [1, 0, 2147483647]");
  EXPECT_EQ(evaluate("%x = constant {value=nan} : f32[]\n%y = neg %x\n%z = bitcast %y {dtype=u32}"),
            "u32[] 2143289344");
  EXPECT_EQ(
      evaluate("%x = constant {value=[1,2]} : i32[2]\n%y = constant {value=[2,2]} : i32[2]\n%z = less %x %y"),
      "bool[2] [true, false]");
}

TEST(InterpretGraph, TooLargeIsAnError) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  GTEST_SKIP() << "the sanitizer's allocator aborts";
#endif
  EXPECT_EQ(evaluate("%y = iota {axis=0} : u8[1099511627776,1048576]"),
            "resource_exhausted: @main: out of memory");
}

TEST(InterpretGraph, ArgReduceOfNothingIsAnError) {
  EXPECT_THAT(evaluate("%x = constant {value=0} : f32[0]\n%y = arg_max %x {axis=0}"), HasSubstr("[C35]"));
}

TEST(InterpretOp, RunsOnRawBuffersFromManyThreads) {
  const StatusOr<Graph> graph = parse("%x: f32[64]\n%y = cumulative_sum %x {axis=0}");
  const Node& node = graph->nodes[1];
  const std::vector<Type> types = {graph->nodes[0].results[0]};
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      std::vector<float> x(64, static_cast<float>(t)), y(64);
      const void* inputs[] = {x.data()};
      void* outputs[] = {y.data()};
      if (interpret_op(node, types, inputs, outputs).ok() && y[63] == 64.0f * static_cast<float>(t)) ++good;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 4);
}

TEST(InterpretOp, ControlOnRawBuffers) {
  const StatusOr<Graph> graph = parse(kLoop);
  const Node* loop = nullptr;
  for (const Node& node : graph->nodes) {
    if (node.op == Op::while_loop) loop = &node;
  }
  const std::int64_t i = 0, n = 5, x = 1;
  std::int64_t results[3] = {};
  const std::vector<Type> types(3, Type{DType::i64, {}});
  const void* inputs[] = {&i, &n, &x};
  void* outputs[] = {&results[0], &results[1], &results[2]};
  EXPECT_TRUE(interpret_op(*loop, types, inputs, outputs).ok());
  EXPECT_THAT(results, testing::ElementsAre(5, 5, 32));
}

}  // namespace
}  // namespace leat::ir
