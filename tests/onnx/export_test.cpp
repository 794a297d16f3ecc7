// Graphs written as ONNX models and read back: the interpreter gives the same bits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "compiler/frontend/graph_state.h"
#include "ir/printer.h"
#include "leat/context.h"
#include "leat/create.h"
#include "leat/onnx.h"
#include "tests/conformance/random_graph.h"

namespace leat::onnx {
namespace {

using ::testing::HasSubstr;

Graph wrap(ir::Graph graph) {
  return Graph(std::make_shared<const frontend::GraphState>(frontend::GraphState{std::move(graph)}));
}

std::span<const std::byte> bytes_of(const std::string& s) { return std::as_bytes(std::span(s)); }

// The graph that reading `bytes` gives, for inputs of the types of `graph`.
StatusOr<Graph> read_back(const std::string& bytes, const ir::Graph& graph) {
  StatusOr<Model> model = load(bytes_of(bytes));
  if (!model.ok()) return model.status();
  std::vector<GraphType> types;
  for (const std::uint32_t p : graph.parameters) {
    GraphType type{graph.nodes[p].type().dtype, {}};
    for (const std::int64_t extent : graph.nodes[p].type().shape) type.dims.emplace_back(extent);
    types.push_back(std::move(type));
  }
  return model->ToGraph(types);
}

std::string differences(const ir::Graph& graph, const ir::Graph& again, std::uint64_t seed) {
  const std::vector<ir::Array> inputs = testing::random_inputs(graph, seed);
  const auto expected = ir::interpret(graph, inputs), actual = ir::interpret(again, inputs);
  if (!expected.ok()) return "";  // an index may be negative in ONNX
  if (!actual.ok()) return actual.status().ToString();
  std::string all;
  for (std::size_t o = 0; o < expected->size(); ++o) {
    if (!((*expected)[o].type == (*actual)[o].type)) return "another type";
    all += testing::compare_bits((*expected)[o], (*actual)[o]);
  }
  return all;
}

TEST(Export, ReadBackHasTheSameBits) {
  int exported = 0, refused = 0;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    SCOPED_TRACE(seed);
    const ir::Graph graph = testing::random_graph(seed);
    // Halves are summed in f32 where ONNX's operators are read.
    const bool halves = std::any_of(graph.nodes.begin(), graph.nodes.end(), [](const ir::Node& n) {
      return n.type().dtype == DType::f16 || n.type().dtype == DType::bf16;
    });
    if (halves) continue;
    const StatusOr<std::string> bytes = to_bytes(wrap(graph));
    if (!bytes.ok()) {
      ASSERT_EQ(bytes.status().code(), Code::unimplemented) << bytes.status().ToString();
      EXPECT_THAT(bytes.status().message(), HasSubstr("ONNX has no "));
      ++refused;
      continue;
    }
    const StatusOr<Graph> again = read_back(*bytes, graph);
    if (!again.ok() && again.status().code() == Code::failed_precondition) continue;  // a loop's end
    ASSERT_TRUE(again.ok()) << again.status().ToString() << "\n" << ir::print(graph);
    ++exported;
    EXPECT_EQ(differences(graph, again->state().graph, seed), "") << ir::print(graph);
  }
  EXPECT_GT(exported, 20);
  EXPECT_GT(refused, 0);
}

Graph parsed(std::string_view text) { return Graph::Parse(text).value(); }

struct OpCase {
  const char* name;
  const char* text;
};
class Op : public ::testing::TestWithParam<OpCase> {};

TEST_P(Op, ReadBackHasTheSameBits) {
  const Graph graph = parsed(GetParam().text);
  const StatusOr<std::string> bytes = to_bytes(graph);
  ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
  const StatusOr<Graph> again = read_back(*bytes, graph.state().graph);
  ASSERT_TRUE(again.ok()) << again.status().ToString();
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    EXPECT_EQ(differences(graph.state().graph, again->state().graph, seed), "") << again->ToString();
  }
}

INSTANTIATE_TEST_SUITE_P(
    Ops, Op,
    ::testing::Values(
        OpCase{"arithmetic",
               "%x: f32[3,4]\n%y: f32[3,4]\n%a = rem %x %y\n%b = trunc %a\n%c = clamp %y %b %x\n%d = abs "
               "%x\n%z = rsqrt %d\n%s = add %c %z"},
        OpCase{"tests",
               "%x: f64[40]\n%y: f64[40]\n%a = is_finite %x\n%b = not_equal %x %y\n%c = is_nan %y\n%d = "
               "bit_xor %a %b\n%e = bit_not %c\n%z = bit_or %d %e"},
        OpCase{"bits",
               "%x: u32[40]\n%y: u32[40]\n%a = shift_left %x %y\n%b = shift_right %x %y\n%c = bit_and %a "
               "%b\n%z = bit_not %c"},
        OpCase{"iota_reverse",
               "%x: i32[3,5]\n%a = iota {axis=1} : i32[3,5]\n%b = reverse %a {dims=[0,1]}\n%z = sub %x %b"},
        OpCase{"broadcast",
               "%x: f32[4]\n%y: f32[]\n%a = broadcast %x {dims=[1]} : f32[2,4,3]\n%b = broadcast %y "
               "{dims=[]} : f32[2,4,3]\n%z = add %a %b"},
        OpCase{"slices",
               "%x: f32[9,7]\n%a = slice %x {starts=[1,0], limits=[9,6], strides=[3,2]}\n%z = transpose %a "
               "{dims=[1,0]}"},
        OpCase{"pads", "%x: f32[3,4]\n%v: f32[]\n%z = pad %x %v {low=[1,-1], high=[0,2], interior=[2,1]}"},
        OpCase{"dot",
               "%x: f32[5,2,3,4]\n%y: f32[4,3,6,2]\n%z = dot_general %x %y {batch_x=[1], batch_y=[3], "
               "contract_x=[3,2], contract_y=[0,1]}"},
        OpCase{"convolution",
               "%x: f32[2,4,9,8]\n%w: f32[6,2,3,3]\n%z = convolution %x %w {strides=[2,1], low=[1,0], "
               "high=[1,2], input_dilation=[1,1], dilation=[1,2], groups=2}"},
        OpCase{"transposed_convolution",
               "%x: f32[1,2,4,5]\n%c = constant {value=-1.5} : f32[]\n%w = broadcast %c {dims=[]} : "
               "f32[3,2,2,2]\n%z = convolution %x %w {strides=[1,1], low=[1,0], "
               "high=[1,1], input_dilation=[2,3], dilation=[1,1], groups=1}"},
        OpCase{"pool",
               "%x: f32[1,2,8,8]\n%a = reduce_window %x {kind=\"max\", window=[1,1,3,2], strides=[1,1,2,2], "
               "low=[0,0,1,0], high=[0,0,1,0], dilation=[1,1,1,1]}"},
        OpCase{"pool_min",
               "%x: f32[9]\n%a = reduce_window %x {kind=\"min\", window=[3], strides=[1], low=[1], high=[0], "
               "dilation=[1]}"},
        OpCase{"pool_sum",
               "%x: f32[1,1,8,8]\n%a = reduce_window %x {kind=\"sum\", window=[1,1,2,2], strides=[1,1,2,2], "
               "low=[0,0,0,0], high=[0,0,0,0], dilation=[1,1,1,1]}"},
        OpCase{"reductions",
               "%x: f32[3,4,5]\n%a = reduce_sum %x {dims=[0,2]}\n%b = reduce_max %x {dims=[0,2]}\n%c = "
               "reduce_prod %x {dims=[0,2]}\n%d = add %a %b\n%z = mul %c %d"},
        OpCase{
            "logic",
            "%x: bool[3,4]\n%a = reduce_and %x {dims=[0]}\n%b = reduce_or %x {dims=[0]}\n%z = bit_xor %a %b"},
        OpCase{"arg", "%x: f32[3,40]\n%a = arg_max %x {axis=1}\n%b = arg_min %x {axis=1}\n%z = sub %a %b"},
        OpCase{"cumulative", "%x: f32[3,40]\n%z = cumulative_sum %x {axis=1, exclusive=true, backward=true}"},
        OpCase{"sort",
               "graph @m(%x: f32[3,20], %p: i32[3,20]) -> (f32[3,20], i32[3,20], f32[3,4], i64[3,4]) {\n%s:2 "
               "= sort %x %p {axis=1, descending=true} : f32[3,20], i32[3,20]\n%t:2 = top_k %x {k=4, "
               "least=true} : f32[3,4], i64[3,4]\nreturn %s#0, %s#1, %t#0, %t#1\n}"},
        OpCase{"scatter",
               "graph @m(%x: f32[5], %u: f32[2], %v: f32[5]) -> (f32[5], f32[5]) {\n%i = constant {value=[3, "
               "1]} : i64[2]\n%a = scatter_elements %x %i %u {axis=0, kind=\"add\"}\n%j = reshape %i : "
               "i64[2,1]\n%b = scatter_nd %v %j %u {kind=\"set\"}\nreturn %a, %b\n}"},
        OpCase{"gathers",
               "graph @m(%x: f32[3,5]) -> (f32[3,2], f32[2,5], f32[2]) {\n%i = constant {value=[2, 0]} : "
               "i32[2]\n%a = gather %x %i {axis=1}\n%j = constant {value=1} : i64[2,5]\n%b = gather_elements "
               "%x %j {axis=0}\n%k = constant {value=[[1, 4], [2, 0]]} : i64[2,2]\n%c = gather_nd %x "
               "%k\nreturn %a, %b, %c\n}"},
        OpCase{"dynamic_slice",
               "%x: f32[6,7]\n%i: i32[]\n%j: i32[]\n%z = dynamic_slice %x %i %j {sizes=[2,3]}"}),
    [](const auto& info) { return info.param.name; });

TEST(Export, SaysWhatOnnxHasNot) {
  const auto error = [](std::string_view text) { return to_bytes(parsed(text)).status().ToString(); };
  EXPECT_EQ(
      error("%x: f32[4]\n%y = cbrt %x // at roots.cpp:7"),
      "unimplemented: ONNX has no cbrt: no operator of set 18, nor several, have its bits (at roots.cpp:7)");
  EXPECT_THAT(error("%x: i32[4]\n%y = shift_left %x %x"),
              HasSubstr("ONNX has no shift_left: shift of signed"));
  EXPECT_THAT(error("%x: f32[n]\n%y = exp %x"), HasSubstr("failed_precondition"));
}

TEST(Export, KeepsNames) {
  const std::string bytes =
      to_bytes(parsed("%x: f32[4]\n%y = exp %x // at a.cpp:7 label=\"rise\" scope=\"block\""), {{"risen"}})
          .value();
  EXPECT_THAT(bytes, HasSubstr("block/rise/Exp"));
  EXPECT_THAT(bytes, HasSubstr("a.cpp:7"));
  const Model model = load(bytes_of(bytes)).value();
  EXPECT_EQ(model.inputs()[0].name, "x");
  EXPECT_EQ(model.outputs()[0].name, "risen");
  EXPECT_EQ(model.metadata().producer_name, "leat");
}

// A loop that runs for as long as a value says: only a run of the model has it.
TEST(Export, LoopsRun) {
  const Graph graph = parsed(R"(graph @m(%i: i64[], %x: f32[2]) -> (i64[], f32[2]) {
    %z:2 = while_loop %i %x {condition=@c, body=@b} : i64[], f32[2]
    return %z#0, %z#1
  }
  graph @c(%i: i64[], %x: f32[2]) -> (bool[]) {
    %five = constant {value=5} : i64[]
    %y = less %i %five
    return %y
  }
  graph @b(%i: i64[], %x: f32[2]) -> (i64[], f32[2]) {
    %one = constant {value=1} : i64[]
    %j = add %i %one
    %y = add %x %x
    return %j, %y
  })");
  const Model model = load(bytes_of(to_bytes(graph).value())).value();
  const std::vector<Tensor> y = model({Tensor(std::int64_t{2}), tensor<float>({1, 3})});
  EXPECT_EQ(y[0].item<std::int64_t>(), 5);
  EXPECT_THAT(y[1].to_vector<float>(), ::testing::ElementsAre(8, 24));
}

// Nor has ToGraph the value that decides between two branches.
TEST(Export, BranchesRun) {
  const Graph graph = parsed(R"(graph @m(%p: bool[], %x: f32[2]) -> (f32[2]) {
    %z = cond %p %x {then_branch=@a, else_branch=@b} : f32[2]
    return %z
  }
  graph @a(%x: f32[2]) -> (f32[2]) {
    %y = add %x %x
    return %y
  }
  graph @b(%x: f32[2]) -> (f32[2]) {
    %y = neg %x
    return %y
  })");
  const Model model = load(bytes_of(to_bytes(graph).value())).value();
  for (const bool p : {true, false}) {
    const std::vector<Tensor> y = model({Tensor(p), tensor<float>({1, 3})});
    EXPECT_THAT(y[0].to_vector<float>(), p ? ::testing::ElementsAre(2, 6) : ::testing::ElementsAre(-1, -3));
  }
}

TEST(Export, ModelsSurvive) {
  for (const char* name : {"resnet50", "mobilenet_v2", "unet", "lstm_tagger", "gpt2_step", "bert_base"}) {
    SCOPED_TRACE(name);
    const Model model =
        load(std::string(LEAT_SOURCE_DIR "/tests/onnx/models/") + name + "/model.onnx").value();
    std::vector<GraphType> types;
    for (const ValueInfo& v : model.inputs()) {
      GraphType type{v.dtype, v.dims};
      for (Dim& d : type.dims) {
        if (!d.symbol.empty()) d = d.symbol == "step" ? 1 : 3;
      }
      types.push_back(std::move(type));
    }
    const Graph graph = model.ToGraph(types).value();
    const StatusOr<std::string> bytes = to_bytes(graph);
    ASSERT_TRUE(bytes.ok()) << bytes.status().ToString();
    const StatusOr<Graph> again = read_back(*bytes, graph.state().graph);
    ASSERT_TRUE(again.ok()) << again.status().ToString();
    EXPECT_EQ(differences(graph.state().graph, again->state().graph, 1), "");
  }
}

TEST(Export, FilesThatCannotBeWrittenAreAnError) {
  const Status s = save(parsed("%x: f32[4]\n%y = exp %x"), "/nowhere/at/all.onnx");
  EXPECT_EQ(s.code(), Code::failed_precondition);
  EXPECT_THAT(s.message(), HasSubstr("/nowhere/at/all.onnx: cannot write"));
}

}  // namespace
}  // namespace leat::onnx
