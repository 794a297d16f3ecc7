// onnx::Model: what it declares, how it runs, what costs a plan, values that decide shapes.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "leat/context.h"
#include "leat/create.h"
#include "leat/executable.h"
#include "leat/onnx.h"
#include "leat/ops.h"
#include "tests/onnx/model_builder.h"

namespace leat::onnx {
namespace {

using namespace test;  // NOLINT: the builders
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

Model loaded(const std::string& bytes, const LoadOptions& options = {}) {
  return load(std::as_bytes(std::span(bytes)), options).value();
}
Tensor run(const Model& model, std::initializer_list<Tensor> inputs) { return model(inputs).at(0); }

// y = relu(x w + b), x f32[batch,2].
std::string linear_model() {
  return model({node("Gemm", {"x", "w", "b"}, {"h"}, {}, "dense"), node("Relu", {"h"}, {"y"})},
               {value("x", kF32, {"batch", "2"})}, {value("y", kF32, {"batch", "3"})},
               {test::tensor<float>("w", kF32, {2, 3}, {1, 2, 3, 4, 5, 6}),
                test::tensor<float>("b", kF32, {3}, {0, -10, 0})});
}

TEST(Model, SaysWhatItTakesAndGives) {
  const Model m = loaded(linear_model());
  ASSERT_EQ(m.inputs().size(), 1u);
  EXPECT_EQ(m.inputs()[0].name, "x");
  EXPECT_EQ(m.inputs()[0].dtype, DType::f32);
  ASSERT_EQ(m.inputs()[0].dims.size(), 2u);
  EXPECT_EQ(m.inputs()[0].dims[0].symbol, "batch");
  EXPECT_EQ(m.inputs()[0].dims[1].extent, 2);
  EXPECT_EQ(m.outputs()[0].name, "y");
  EXPECT_EQ(m.metadata().opsets.at(""), 17);
  EXPECT_EQ(m.metadata().producer_name, "a test");
  EXPECT_EQ(m.metadata().properties.at("author"), "nobody");
}

TEST(Model, RunsByNameAndInOrder) {
  const Model m = loaded(linear_model());
  const Tensor x = leat::tensor<float>({{1, 2}, {0, 1}});
  EXPECT_THAT(run(m, {x}).to_vector<float>(), ElementsAre(9, 2, 15, 4, 0, 6));
  std::map<std::string, Tensor> named = m.Run({{"x", x}}).value();
  EXPECT_THAT(named.at("y").to_vector<float>(), ElementsAre(9, 2, 15, 4, 0, 6));
}

TEST(Model, InterpretedHasTheSameValues) {
  const Model m = loaded(linear_model(), {.interpret = true});
  EXPECT_THAT(run(m, {leat::tensor<float>({{1, 2}})}).to_vector<float>(), ElementsAre(9, 2, 15));
}

TEST(Model, ANewSizeCostsNoRunOfLlvm) {
  Context context({.tier = Tier::machine_code});
  const Context::Scope scope(context);
  const Model m = loaded(model({node("Exp", {"x"}, {"e"}), node("Mul", {"e", "x"}, {"y"})},
                               {value("x", kF32, {"n"})}, {output("y")}));
  const auto ones_of = [](std::size_t n) { return leat::tensor(std::vector<float>(n, 1)); };
  run(m, {ones_of(10)}).wait();
  const ContextStats before = context.stats();
  run(m, {ones_of(77)}).wait();
  run(m, {ones_of(78)}).wait();
  EXPECT_EQ(context.stats().llvm_runs, before.llvm_runs);
  EXPECT_EQ(context.stats().plans, before.plans + 2);
  run(m, {ones_of(77)}).wait();
  EXPECT_EQ(context.stats().plans, before.plans + 2);
}

TEST(Model, InitialisersBelongToThePlan) {
  Context context({.tier = Tier::machine_code});
  const Context::Scope scope(context);
  const auto with = [](const Floats& w, bool exp) {
    return loaded(model({node(exp ? "Exp" : "Identity", {"w"}, {"e"}), node("Add", {"x", "e"}, {"y"}),
                         node("Identity", {"w"}, {"z"})},
                        {value("x", kF32, {"3"})}, {output("y"), output("z")},
                        {test::tensor<float>("w", kF32, {3}, w)}));
  };
  const Tensor x = leat::tensor<float>({10, 20, 30});
  const std::vector<Tensor> first = with({0, 1, 2}, true)({x});
  EXPECT_EQ(first[0].to_vector<float>()[0], 11);
  EXPECT_THAT(first[1].to_vector<float>(), ElementsAre(0, 1, 2));  // a constant is an output
  const ContextStats before = context.stats();
  // The same structure with other constants is another plan, and exp of a constant was no part of the kernel.
  EXPECT_THAT(with({5, 6, 7}, false)({x})[0].to_vector<float>(), ElementsAre(15, 26, 37));
  EXPECT_THAT(with({1, 2, 3}, false)({x})[0].to_vector<float>(), ElementsAre(11, 22, 33));
  EXPECT_EQ(context.stats().kernels, before.kernels);
  EXPECT_EQ(context.stats().plans, before.plans + 2);
}

TEST(Model, InputsThatDoNotFitAreErrors) {
  const Model m = loaded(linear_model());
  const auto error = [&](std::map<std::string, Tensor> inputs) { return m.Run(inputs).status().ToString(); };
  EXPECT_EQ(error({}), "invalid_argument: input \"x\" is missing");
  EXPECT_EQ(error({{"z", ones({1, 2})}}), "invalid_argument: the model has no input \"z\"");
  EXPECT_EQ(error({{"x", ones({1, 3})}}),
            "invalid_argument: input \"x\" is f32[1,3], the model takes [batch,2]");
  EXPECT_EQ(error({{"x", ones({1, 2}, DType::f64)}}),
            "invalid_argument: input \"x\" is f64[1,2], the model takes f32");
  Context other;
  const Context::Scope scope(other);
  EXPECT_EQ(error({{"x", ones({1, 2})}}),
            "failed_precondition: input \"x\" belongs to another Context than the model");
}

TEST(Model, WithoutItsContextItIsAnError) {
  auto context = std::make_unique<Context>();
  std::optional<Model> m;
  Tensor x;
  {
    const Context::Scope scope(*context);
    m = loaded(linear_model());
    x = ones({1, 2});
  }
  context.reset();
  EXPECT_EQ(m->Run({{"x", x}}).status().code(), Code::context_gone);
}

TEST(Model, InitialisersAreDefaultsOfInputs) {
  const Model m =
      loaded(model({node("Add", {"x", "w"}, {"y"})}, {value("x", kF32, {"2"}), value("w", kF32, {"2"})},
                   {output("y")}, {test::tensor<float>("w", kF32, {2}, {10, 20})}));
  EXPECT_TRUE(m.inputs()[1].has_default);
  EXPECT_THAT(run(m, {leat::tensor<float>({1, 2}), {}}).to_vector<float>(), ElementsAre(11, 22));
  EXPECT_THAT(run(m, {leat::tensor<float>({1, 2}), leat::tensor<float>({5, 5})}).to_vector<float>(),
              ElementsAre(6, 7));
}

TEST(Values, OfAnInputThatDecidesAShapeSelectsThePlan) {
  const Model m = loaded(model({node("Reshape", {"x", "s"}, {"y"})},
                               {value("x", kF32, {"6"}), value("s", kI64, {"2"})}, {output("y")}));
  const Tensor x = astype(arange(6), DType::f32);
  EXPECT_EQ(run(m, {x, leat::tensor<std::int64_t>({2, 3})}).shape(), (Shape{2, 3}));
  EXPECT_EQ(run(m, {x, leat::tensor<std::int64_t>({3, -1})}).shape(), (Shape{3, 2}));
  EXPECT_EQ(run(m, {x, leat::tensor<std::int64_t>({2, 3})}).shape(), (Shape{2, 3}));
  EXPECT_EQ(m.Run({{"x", x}, {"s", leat::tensor<std::int64_t>({4, 2})}}).status().code(),
            Code::invalid_argument);
}

TEST(Values, ThatAreComputedDecideShapes) {  // NonZero, then arithmetic on what it gives
  const std::string bytes = model(
      {node("Relu", {"x"}, {"r"}), node("NonZero", {"r"}, {"places"}), node("Transpose", {"places"}, {"p"}),
       node("GatherND", {"r", "p"}, {"v"}), node("Mul", {"v", "v"}, {"y"})},
      {value("x", kF32, {"n"})}, {output("y"), output("places")});
  for (const bool interpret : {false, true}) {
    const Model m = loaded(bytes, {.interpret = interpret});
    EXPECT_THAT(run(m, {leat::tensor<float>({-1, 2, 0, 3})}).to_vector<float>(), ElementsAre(4, 9));
    EXPECT_THAT(run(m, {leat::tensor<float>({5, 2, 1, -3})}).to_vector<float>(), ElementsAre(25, 4, 1));
    EXPECT_EQ(run(m, {leat::tensor<float>({-5, -2, -1, -3})}).shape(), Shape{0});
  }
}

TEST(Values, OfAConditionChooseTheBranch) {
  const Message twice = graph({node("Add", {"x", "x"}, {"t"})}, {}, {output("t")});
  const Message square = graph({node("Mul", {"x", "x"}, {"s"})}, {}, {output("s")});
  const Model m =
      loaded(model({node("If", {"c"}, {"y"},
                         {graph_attribute("then_branch", twice), graph_attribute("else_branch", square)})},
                   {value("x", kF32, {"1"}), value("c", kBool, {})}, {output("y")}));
  EXPECT_THAT(run(m, {leat::tensor<float>({5}), Tensor(true)}).to_vector<float>(), ElementsAre(10));
  EXPECT_THAT(run(m, {leat::tensor<float>({5}), Tensor(false)}).to_vector<float>(), ElementsAre(25));
}

// Doubles v until it is at least `limit`; scans every v.
std::string doubling_model() {
  const Message body = graph({node("Add", {"v", "v"}, {"next"}), node("Less", {"next", "limit"}, {"again"}),
                              node("Identity", {"next"}, {"seen"})},
                             {value("i", kI64, {}), value("go", kBool, {}), value("v", kF32, {})},
                             {output("again"), output("next"), value("seen", kF32, {})});
  return model({node("Loop", {"", "", "x"}, {"last", "all"}, {graph_attribute("body", body)}, "doubling")},
               {value("x", kF32, {}), value("limit", kF32, {})}, {output("last"), output("all")});
}

TEST(Values, OfALoopsConditionEndIt) {
  for (const bool interpret : {false, true}) {
    const Model m = loaded(doubling_model(), {.interpret = interpret});
    const std::vector<Tensor> y = m({Tensor(1.0f), Tensor(10.0f)});
    EXPECT_EQ(y[0].item<float>(), 16);
    EXPECT_THAT(y[1].to_vector<float>(), ElementsAre(2, 4, 8, 16));
    EXPECT_THAT(m({Tensor(3.0f), Tensor(7.0f)})[1].to_vector<float>(), ElementsAre(6, 12));
  }
}

TEST(Functions, OfTheModelAreInlinedWithTheirAttributes) {
  Message slope = Message().Text(1, "alpha").Text(21, "slope").Int(20, 1);
  const Message f =
      function("Leak", "mine", {"a"}, {"b"}, {"slope"}, {node("LeakyRelu", {"a"}, {"b"}, {slope})});
  const Message g = graph({node("Leak", {"x"}, {"y"}, {float_attribute("slope", 0.5f)}, "", "mine")},
                          {value("x", kF32, {"2"})}, {output("y")});
  const Model m = loaded(model_of(g, 17, {f}).Add(8, opset(1, "mine")).bytes());
  EXPECT_THAT(run(m, {leat::tensor<float>({-4, 4})}).to_vector<float>(), ElementsAre(-2, 4));
}

TEST(RandomOps, DrawAnewEachRun) {
  const Model m = loaded(
      model({node("RandomNormal", {}, {"r"}, {ints_attribute("shape", {4})}), node("Add", {"r", "x"}, {"y"})},
            {value("x", kF32, {"4"})}, {output("y")}));
  const Floats a = run(m, {zeros({4})}).to_vector<float>(), b = run(m, {zeros({4})}).to_vector<float>();
  EXPECT_NE(a, b);
}

TEST(ToGraph, HasInputsAsParametersAndTheRestAsConstants) {
  const Model m = loaded(linear_model());
  const GraphType type{DType::f32, {4, 2}};
  const Graph g = m.ToGraph(std::span(&type, 1)).value();
  EXPECT_EQ(g.input_count(), 1u);
  EXPECT_EQ(g.input_name(0), "x");
  EXPECT_EQ(g.input_type(0), "f32[4,2]");
  EXPECT_EQ(g.output_type(0), "f32[4,3]");
  EXPECT_THAT(g.ToString(), HasSubstr("// at <onnx>:1 scope=\"dense\""));
}

// Inputs that are read in another order than they are declared in: passes keep parameters as the nodes stand.
TEST(ToGraph, KeepsTheOrderOfInputs) {
  const Model m = loaded(model({node("Neg", {"b"}, {"n"}), node("Exp", {"c"}, {"e"}),
                                node("Sub", {"n", "e"}, {"d"}), node("Add", {"d", "a"}, {"y"})},
                               {value("a", kF32, {"1"}), value("b", kF32, {"1"}), value("c", kF32, {"1"})},
                               {output("y")}));
  const std::vector<GraphType> types(3, GraphType{DType::f32, {1}});
  const Graph g = m.ToGraph(types).value();
  EXPECT_EQ(g.input_name(0), "a");
  const Executable e = Compile(g).value();
  const std::vector<Future> y =
      e.Run({.inputs = {leat::tensor<float>({1}), leat::tensor<float>({20}), leat::tensor<float>({0})}})
          .value();
  EXPECT_EQ(y[0].Get().value().item<float>(), -20);  // 1 - 20 - e^0
}

TEST(ToGraph, TakesValuesOfInputsThatDecideShapes) {
  const Model m = loaded(model({node("Reshape", {"x", "s"}, {"y"}, {}, "shaping")},
                               {value("x", kF32, {"6"}), value("s", kI64, {"2"})}, {output("y")}));
  const GraphType both[] = {{DType::f32, {6}}, {DType::i64, {2}}};
  const Status s = m.ToGraph(both).status();
  EXPECT_EQ(s.code(), Code::failed_precondition);
  EXPECT_THAT(s.message(),
              HasSubstr("\"shaping\" (Reshape, node 1): a shape depends on the value of i64[2]"));
  const Graph g = m.ToGraph(std::span(both, 1), {{"s", leat::tensor<std::int64_t>({3, 2})}}).value();
  EXPECT_EQ(g.input_count(), 1u);
  EXPECT_EQ(g.output_type(0), "f32[3,2]");
}

TEST(Faults, NameTheNode) {
  const Model m = loaded(model({node("Gather", {"x", "i"}, {"y"}, {}, "lookup")},
                               {value("x", kF32, {"4"}), value("i", kI64, {"1"})}, {output("y")}));
  const Tensor y = run(m, {ones({4}), leat::tensor<std::int64_t>({7})});
  try {
    y.wait();
    FAIL() << "no error";
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::out_of_range);
    EXPECT_THAT(e.what(), HasSubstr("lookup"));
    EXPECT_THAT(e.what(), HasSubstr("<onnx>:1"));
  }
}

TEST(Files, AreMappedAndTheirTensorsBorrowed) {
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "leat_mapped.onnx";
  std::ofstream(path, std::ios::binary) << linear_model();
  const Model m = load(path.string()).value();
  EXPECT_THAT(run(m, {leat::tensor<float>({{1, 2}})}).to_vector<float>(), ElementsAre(9, 2, 15));
  EXPECT_EQ(load("/nowhere/at/all.onnx").status().code(), Code::not_found);
  std::filesystem::remove(path);
}

// Weights begin at any byte of a file. Some of their readers can read them there, others get a copy: a
// product with many rows and one with few, rows that are picked, a sum, a convolution, an output.
TEST(Files, HaveTensorsAtAnyAddress) {
  const auto numbers = [](std::size_t count) {
    Floats v(count);
    for (std::size_t i = 0; i < count; ++i) v[i] = static_cast<float>(i * 37 % 101) / 64 - 0.75f;
    return v;
  };
  const std::vector<Message> nodes = {node("Gather", {"table", "ids"}, {"rows"}),
                                      node("MatMul", {"rows", "w"}, {"a"}),
                                      node("Add", {"a", "bias"}, {"b"}),
                                      node("MatMul", {"row", "w"}, {"few"}),
                                      node("Conv", {"image", "kernel"}, {"c"}),
                                      node("NonZero", {"ids"}, {"places"}),
                                      node("Transpose", {"w"}, {"t"}),
                                      node("MatMul", {"rows", "t"}, {"d"}),
                                      node("Add", {"table", "row"}, {"moved"})};
  const std::vector<Message> inputs = {value("ids", kI64, {"40"}), value("row", kF32, {"1", "64"}),
                                       value("image", kF32, {"1", "16", "9", "9"})};
  std::vector<std::int64_t> ids(40);
  for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<std::int64_t>(i * 11 % 50);
  const Tensor given[] = {leat::tensor(ids), reshape(leat::tensor(numbers(64)), {1, 64}),
                          reshape(leat::tensor(numbers(16 * 81)), {1, 16, 9, 9})};
  const std::filesystem::path path = std::filesystem::path(::testing::TempDir()) / "leat_unaligned.onnx";
  // Without "places", whose number is a value, all is one plan; with it, ops run as they are imported.
  for (const bool planned : {true, false}) {
    for (int shift = 0; shift < 4; ++shift) {
      SCOPED_TRACE(shift);
      std::vector<Message> outputs = {output("b"), output("few"),   output("c"),
                                      output("d"), output("moved"), output("table")};
      std::vector<Message> of_graph = nodes;
      if (planned) {
        of_graph.erase(of_graph.begin() + 5);
      } else {
        outputs.push_back(output("places"));
      }
      const std::string bytes =
          model(of_graph, inputs, outputs,
                {test::tensor<float>(std::string(static_cast<std::size_t>(shift) + 1, 'x'), kF32, {1}, {0}),
                 test::tensor<float>("table", kF32, {50, 64}, numbers(50 * 64)),
                 test::tensor<float>("w", kF32, {64, 64}, numbers(64 * 64)),
                 test::tensor<float>("bias", kF32, {40, 64}, numbers(40 * 64)),
                 test::tensor<float>("kernel", kF32, {16, 16, 3, 3}, numbers(16 * 16 * 9))});
      std::ofstream(path, std::ios::binary) << bytes;
      const Model mapped = load(path.string()).value();
      const Model copied = loaded(bytes, {.interpret = true});
      for (int run = 0; run < 3; ++run) {
        const std::vector<Tensor> got = mapped(given), expected = copied(given);
        ASSERT_EQ(got.size(), outputs.size());
        for (std::size_t o = 0; o < got.size(); ++o) {
          SCOPED_TRACE(o);
          if (got[o].dtype() == DType::i64) {
            EXPECT_EQ(got[o].to_vector<std::int64_t>(), expected[o].to_vector<std::int64_t>());
            continue;
          }
          const Floats g = got[o].to_vector<float>(), e = expected[o].to_vector<float>();
          ASSERT_EQ(g.size(), e.size());
          for (std::size_t i = 0; i < g.size(); ++i) ASSERT_NEAR(g[i], e[i], 1e-4) << i;
        }
      }
    }
  }
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace leat::onnx
