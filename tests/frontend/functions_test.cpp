// compile(f), and the explicit level: graphs, executables, futures.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <coroutine>

#include "leat/leat.h"

namespace leat {
namespace {

using ::testing::HasSubstr;
using F = std::vector<float>;

TEST(CompiledFunctions, TraceOncePerStructure) {
  int traced = 0;
  const Tensor w = tensor({1.0f, 2.0f, 3.0f}) * 2;
  auto f = compile([&](const Tensor& x) {
    ++traced;
    return relu(x * w) + 0.5f;
  });
  EXPECT_EQ(f(tensor({1.0f, -1.0f, 1.0f})).to_vector<float>(), (F{2.5f, 0.5f, 6.5f}));
  EXPECT_EQ(f(tensor({2.0f, 2.0f, 2.0f})).to_vector<float>(), (F{4.5f, 8.5f, 12.5f}));
  EXPECT_EQ(traced, 1);
  EXPECT_EQ(f(ones({2, 3})).shape(), (Shape{2, 3}));
  EXPECT_EQ(traced, 2);
  EXPECT_EQ(f.traces(), 2u);
}

TEST(CompiledFunctions, SeveralResultsAndArguments) {
  auto f = compile([](const Tensor& a, const Tensor& b) { return std::vector<Tensor>{a + b, a - b, a}; });
  const std::vector<Tensor> r = f(tensor({5.0f}), tensor({3.0f}));
  ASSERT_EQ(r.size(), 3u);
  EXPECT_EQ(r[0].item<float>(), 8);
  EXPECT_EQ(r[1].item<float>(), 2);
  EXPECT_EQ(r[2].item<float>(), 5);
}

TEST(CompiledFunctions, AskingForAValueInsideThrowsWithItsLine) {
  std::uint32_t line = 0;
  auto f = compile([&](const Tensor& x) {
    line = __LINE__ + 1;
    return x * (x + 1).item<float>();
  });
  try {
    f(tensor({1.0f}));
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::failed_precondition);
    EXPECT_THAT(e.what(), HasSubstr("while a function is being traced"));
    EXPECT_EQ(e.status().where().line, line);
  }
}

TEST(CompiledFunctions, AGeneratorAdvancesPerCall) {
  Generator captured(7), plain(7);
  auto f = compile([&](const Tensor& x) { return x + captured.uniform({2}); });
  const Tensor zero = zeros({2});
  for (int i = 0; i < 3; ++i)
    EXPECT_EQ(f(zero).to_vector<float>(), plain.uniform({2}).to_vector<float>()) << i;
  auto g = compile([](const Tensor& x) {
    Generator inside(3);
    return x + inside.uniform({2});
  });
  EXPECT_EQ(g(zero).to_vector<float>(), g(zero).to_vector<float>());
}

Graph layer() {
  GraphBuilder g("layer");
  const auto x = g.Input("x", DType::f32, {"n", 2}), w = g.Input("w", DType::f32, {2, 3});
  const auto y = g.Add("dot_general", {x, w},
                       {{"batch_x", GraphBuilder::Integers{}},
                        {"batch_y", GraphBuilder::Integers{}},
                        {"contract_x", GraphBuilder::Integers{1}},
                        {"contract_y", GraphBuilder::Integers{0}}});
  return g.Finish({*g.Add("neg", {*y})}).value();
}

TEST(Executables, SymbolsTakeTheirExtentsFromTheInputs) {
  const Executable e = Compile(layer()).value();
  const Tensor w = ones({2, 3});
  for (std::int64_t n : {1, 2, 5}) {
    const std::vector<Future> y = e.Run({.inputs = {ones({n, 2}), w}}).value();
    const Tensor t = y[0].Get().value();
    EXPECT_EQ(t.shape(), (Shape{n, 3}));
    EXPECT_EQ(t.to_vector<float>(), F(static_cast<std::size_t>(3 * n), -2.0f));
  }
  const auto bad = e.Run({.inputs = {ones({4, 3}), w}});
  ASSERT_FALSE(bad.ok());
  EXPECT_EQ(bad.status().message(), "Run: input 0 (%x) is f32[4,3], the graph wants f32[n,2]");
}

TEST(Executables, CallersMemoryAndDonation) {
  const Graph g =
      Graph::Parse("graph @f(%x: f32[4]) -> (f32[4]) {\n  %0 = add %x %x : f32[4]\n  return %0\n}\n").value();
  const Executable e = Compile(g).value();
  std::vector<float> out(4);
  const auto y = e.Run({.inputs = {ones({4})}, .outputs = {{out.data(), 16}}, .donate = {0}}).value();
  ASSERT_TRUE(y[0].Wait().ok());
  EXPECT_EQ(out, (F{2, 2, 2, 2}));
  EXPECT_EQ(e.Run({.inputs = {ones({4})}, .outputs = {{out.data(), 8}}}).status().message(),
            "Run: output 0 has 8 bytes of 16");
  const Tensor mine = borrow(out.data(), DType::f32, {4});
  EXPECT_EQ(e.Run({.inputs = {mine}, .outputs = {{out.data(), 16}}}).status().message(),
            "Run: output 0 overlaps input 0");
  const float in[] = {1, 2, 3, 4};
  const void* const inputs[] = {in};
  void* const outputs[] = {out.data()};
  ASSERT_TRUE(e.RunInto(inputs, outputs).ok());
  EXPECT_EQ(out, (F{2, 4, 6, 8}));
  EXPECT_THAT(e.Dump("program").value(), HasSubstr("kernel"));
  EXPECT_THAT(e.Dump("nonsense").status().message(), HasSubstr("no stage is called \"nonsense\""));
}

TEST(Executables, BuilderErrors) {
  GraphBuilder g;
  const auto x = g.Input("x", DType::f32, {2}), y = g.Input("y", DType::f32, {3});
  EXPECT_THAT(g.Add("add", {x, y}).status().message(), HasSubstr("[C3]"));
  EXPECT_THAT(g.Add("addd", {x, y}).status().message(),
              HasSubstr("no op that can be added is called \"addd\""));
  EXPECT_THAT(g.Add("neg", {x}, {{"axis", std::int64_t{1}}}).status().message(),
              HasSubstr("no attribute \"axis\""));
  EXPECT_THAT(Graph::Parse("graph @f(%x: f32[2]) -> (f32[2]) {\n  oops\n").status().ToString(),
              HasSubstr(":2:"));
}

struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() { std::terminate(); }
  };
};

Task add_one(Future f, std::promise<float>* done) {
  const StatusOr<Tensor> t = co_await f;
  done->set_value(t.ok() ? t->data<float>()[0] + 1 : -1);
}

TEST(Futures, CoroutinesCallbacksAndStdFutures) {
  const Graph g =
      Graph::Parse("graph @f(%x: f32[1]) -> (f32[1]) {\n  %0 = exp %x : f32[1]\n  return %0\n}\n").value();
  const Executable e = Compile(g).value();
  std::promise<float> done;
  add_one(e.Run({.inputs = {zeros({1})}}).value()[0], &done);
  EXPECT_EQ(done.get_future().get(), 2.0f);
  EXPECT_EQ(e.Run({.inputs = {zeros({1})}}).value()[0].ToStdFuture().get().item<float>(), 1.0f);
  std::stop_source stop;
  stop.request_stop();
  const Future cancelled = e.Run({.inputs = {zeros({1})}, .stop = stop.get_token()}).value()[0];
  EXPECT_EQ(cancelled.Wait().code(), Code::cancelled);
}

}  // namespace
}  // namespace leat
