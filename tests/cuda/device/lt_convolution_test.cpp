// Convolutions on a GPU by cuBLASLt, played by a fake of it: columns and products, several images at a time,
// and what stays with our own kernel.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "compiler/compare_arrays.h"
#include "compiler/compile.h"
#include "ir/parser.h"
#include "ir/printer.h"
#include "tests/compiler/run_on_engine.h"
#include "tests/conformance/op_cases.h"
#include "tests/cuda/fake/launches.h"
#include "tests/cuda/whole_inputs.h"

namespace leat {
namespace {

using fake_cuda::FakeGpu;
using ::testing::HasSubstr;
using ::testing::Not;

class LibraryConvolutions : public ::testing::Test {
 protected:
  void SetUp() override {
    ::setenv("LEAT_CUBLASLT", LEAT_FAKE_CUBLASLT, 1);
    engine_ =
        runtime::Engine::Create({.workers = 2, .gpu_devices = 1, .cuda_driver = LEAT_FAKE_CUDA}).value();
    gpu_.Serve(*engine_);
    options_.tier = compiler::Tier::tiles;
    options_.devices.push_back(compiler::describe_gpu_device(0, engine_->gpu(1)->description()));
    options_.devices[1].opened = engine_->gpu(1);
  }
  std::shared_ptr<const runtime::Program> Compile(const ir::Graph& graph) {
    options_.input_devices.assign(graph.parameters.size(), 0);
    return compiler::compile(graph, options_, *code_).value();
  }
  /// How it differs from what the interpreter makes of it, or "".
  std::string Difference(const ir::Graph& graph, const std::vector<ir::Array>& inputs) {
    return testing::difference(ir::interpret(graph, inputs),
                               testing::run_on_engine(*engine_, graph, Compile(graph), inputs));
  }
  std::int64_t Calls(const char* entry) { return gpu_.driver().calls()[entry]; }

  FakeGpu gpu_{{.devices = 1}};
  std::unique_ptr<runtime::Engine> engine_;
  std::unique_ptr<compiler::CodeCache> code_ = compiler::make_code_cache({});
  compiler::CompileOptions options_;
};

struct Geometry {
  std::vector<std::int64_t> strides, low, high, holes, dilation;
  std::int64_t groups = 1;
};

/// A convolution on gpu:0.
ir::Graph convolve(DType dtype, const Shape& x, const Shape& w, const Geometry& g) {
  ir::Graph graph("convolve");
  const auto there = [&](const char* name, const Shape& shape) {
    const ir::Value v = graph.AddParameter(name, {dtype, shape});
    return graph.Add(ir::Op::copy, {v}, {{ir::Attr::device, std::string("gpu:0")}}).value();
  };
  const ir::Value operands[] = {there("x", x), there("w", w)};
  graph.outputs = {graph
                       .Add(ir::Op::convolution, {operands[0], operands[1]},
                            {{ir::Attr::strides, g.strides},
                             {ir::Attr::low, g.low},
                             {ir::Attr::high, g.high},
                             {ir::Attr::input_dilation, g.holes},
                             {ir::Attr::dilation, g.dilation},
                             {ir::Attr::groups, g.groups}})
                       .value()};
  return graph;
}

/// Each number through `f`.
template <class F>
void change(const ir::Type& type, std::byte* bytes, F f) {
  visit_dtype(type.dtype, [&]<class T>(T) {
    if constexpr (!std::is_integral_v<T>) {
      T* const elements = reinterpret_cast<T*>(bytes);
      for (std::int64_t i = 0; i < type.shape.num_elements(); ++i)
        elements[i] = static_cast<T>(f(static_cast<float>(elements[i])));
    }
  });
}

struct ConvolutionCase {
  const char* what;
  Shape x, w;
  Geometry geometry;
};
const ConvolutionCase kCases[] = {
    {"3x3", {2, 5, 9, 8}, {6, 5, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}}},
    {"valid", {2, 3, 7, 9}, {4, 3, 2, 3}, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}}},
    {"strides", {3, 4, 11, 10}, {5, 4, 3, 5}, {{2, 3}, {1, 2}, {0, 2}, {1, 1}, {1, 1}}},
    {"dilation", {1, 2, 12, 13}, {3, 2, 3, 2}, {{1, 1}, {2, 0}, {2, 3}, {1, 1}, {2, 3}}},
    {"groups", {3, 6, 5, 6}, {4, 3, 3, 3}, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, 2}},
    {"odd groups", {2, 3, 5, 3}, {6, 1, 1, 3}, {{1, 1}, {0, 1}, {0, 1}, {1, 1}, {1, 1}, 3}},
    {"one dimension", {2, 3, 17}, {5, 3, 4}, {{2}, {1}, {2}, {1}, {1}}},
    {"three dimensions",
     {1, 2, 4, 5, 6},
     {3, 2, 2, 2, 3},
     {{1, 2, 1}, {0, 1, 1}, {1, 0, 1}, {1, 1, 1}, {1, 1, 1}}},
    {"all of x at once", {2, 4, 3, 3}, {8, 4, 3, 3}, {{1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}}},
};

TEST_F(LibraryConvolutions, HaveTheInterpretersValues) {
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    for (const ConvolutionCase& c : kCases) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + c.what);
      const ir::Graph graph = convolve(dtype, c.x, c.w, c.geometry);
      const std::string program = runtime::print(*Compile(graph));
      EXPECT_THAT(program, HasSubstr("convolution: cuBLASLt " + std::string(name(dtype))));
      EXPECT_THAT(program, HasSubstr("over im2col of "));
      EXPECT_EQ(Difference(graph, testing::whole_inputs(graph, 2)), "");
    }
  }
}

TEST_F(LibraryConvolutions, OfOneTapReadXAsItIs) {
  for (const std::int64_t groups : {1, 2}) {
    const ir::Graph graph = convolve(DType::f32, {3, 8, 5, 7}, {6, 8 / groups, 1, 1},
                                     {{1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}, groups});
    EXPECT_THAT(runtime::print(*Compile(graph)), Not(HasSubstr("im2col")));
    EXPECT_EQ(Difference(graph, testing::whole_inputs(graph, 2)), "");
  }
  EXPECT_EQ(Calls("cuLaunchKernel"), 0);
  EXPECT_EQ(Calls("cublasLtMatmul"), 1 + 3);  // a group's products lie in one image
}

// As many images at a time as the columns may have bytes, wherever they begin.
TEST_F(LibraryConvolutions, TakeAFewImagesAtATime) {
  const Shape x = {7, 3, 5, 3}, w = {5, 3, 3, 3};  // an image's result is 300 bytes
  const ir::Graph graph = convolve(DType::f32, x, w, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  const std::int64_t image = 4 * 3 * 9 * 15;
  for (const std::int64_t images : {1, 2, 3, 7}) {
    SCOPED_TRACE(images);
    options_.most_column_bytes = images * image + 40;
    const std::int64_t kernels = Calls("cuLaunchKernel"), products = Calls("cublasLtMatmul");
    EXPECT_THAT(runtime::print(*Compile(graph)),
                HasSubstr("over im2col of " + std::to_string(images) + " of 7 images"));
    EXPECT_EQ(Difference(graph, testing::whole_inputs(graph, 2)), "");
    const std::int64_t times = (7 + images - 1) / images;
    EXPECT_EQ(Calls("cuLaunchKernel"), kernels + times);
    EXPECT_EQ(Calls("cublasLtMatmul"), products + times);
  }
  const ir::Graph many = convolve(DType::bf16, {40, 3, 5, 3}, w, {{1, 1}, {1, 1}, {1, 1}, {1, 1}, {1, 1}});
  options_.most_column_bytes = 19 * image / 2;
  EXPECT_THAT(runtime::print(*Compile(many)), HasSubstr("over im2col of 16 of 40 images"));
  EXPECT_EQ(Difference(many, testing::whole_inputs(many, 2)), "");
}

TEST_F(LibraryConvolutions, OthersAreExactAndSayWhy) {
  const auto why = [&](const ir::Graph& graph) {
    const std::string program = runtime::print(*Compile(graph));
    EXPECT_THAT(program, Not(HasSubstr("cuBLASLt f")));
    EXPECT_EQ(Difference(graph, testing::whole_inputs(graph, 2)), "");
    const std::size_t at = program.find("(exact: ");
    return at == std::string::npos ? program : program.substr(at, program.find(")\n", at) + 1 - at);
  };
  const Geometry plain{{1, 1}, {0, 0}, {0, 0}, {1, 1}, {1, 1}};
  Geometry holes = plain, depthwise = plain;
  holes.holes = {2, 2};
  depthwise.groups = 4;
  const Shape x = {2, 4, 6, 6}, w = {4, 4, 3, 3};
  EXPECT_EQ(why(convolve(DType::f32, x, w, holes)), "(exact: most columns of a dilated input are zeros)");
  EXPECT_EQ(why(convolve(DType::f32, x, {4, 1, 3, 3}, depthwise)),
            "(exact: groups of one output channel are products of one row)");
  EXPECT_EQ(why(convolve(DType::i32, x, w, plain)), "(exact: products of integers always are)");
  options_.most_column_bytes = 2303;
  EXPECT_EQ(why(convolve(DType::f32, x, w, plain)),
            "(exact: the columns of one image are 2304 bytes, more than 2303)");
  options_.most_column_bytes = 1 << 20;
  gpu_.driver().FailCall("cublasLtMatmulAlgoGetHeuristic", 1, runtime::cuda::CuResult::not_found);
  EXPECT_THAT(runtime::print(*Compile(convolve(DType::f32, x, w, plain))),
              HasSubstr("(exact: gpu:0: cublasLtMatmulAlgoGetHeuristic: CUBLAS_STATUS_NOT_SUPPORTED)"));
  options_.exact_contractions = true;
  EXPECT_EQ(why(convolve(DType::f32, x, w, plain)), "(exact: asked for)");
  options_.exact_contractions = false;
  options_.devices[1].opened = nullptr;
  EXPECT_EQ(why(convolve(DType::f32, x, w, plain)), "(exact: gpu:0 is not here to be asked for cuBLASLt)");
}

/// The graph with its inputs on gpu:0, and each number of its constants through `f`.
template <class F>
ir::Graph on_gpu(const ir::Graph& from, F f) {
  ir::Graph graph(from.name);
  std::vector<ir::Value> there(from.nodes.size());
  std::size_t parameter = 0;
  for (std::uint32_t n = 0; n < from.nodes.size(); ++n) {
    ir::Node node = from.nodes[n];
    for (ir::Value& v : node.inputs) v = there[v.node];
    if (node.op == ir::Op::parameter) {
      const ir::Value v = graph.AddParameter(from.parameter_names[parameter++], node.type());
      there[n] = graph.Add(ir::Op::copy, {v}, {{ir::Attr::device, std::string("gpu:0")}}).value();
    } else if (node.op == ir::Op::constant) {
      const ir::Array array = ir::Array::From(node.attrs().literal(ir::Attr::value));
      change(array.type, array.bytes.get(), f);
      there[n] = graph.AddConstant(ir::make_literal(array.type, array.bytes.get()));
    } else {
      there[n] = graph.AddUnchecked(std::move(node));
    }
  }
  for (const ir::Value v : from.outputs) graph.outputs.push_back(there[v.node]);
  return graph;
}

// The cases that every backend has to pass, of moderate numbers, within the bound of their rounding.
TEST_F(LibraryConvolutions, PassTheConformanceCases) {
  const auto moderate = [](float x) {
    return std::isfinite(x) && std::fabs(x) < 100 ? x : std::signbit(x) ? -1.75f : 2.5f;
  };
  const auto magnitude = [&](float x) { return std::fabs(moderate(x)); };
  int by_library = 0;
  for (const DType dtype : {DType::f32, DType::f64, DType::f16, DType::bf16}) {
    for (const testing::OpCase& c : testing::op_cases(ir::Op::convolution, dtype).cases) {
      SCOPED_TRACE(std::string(name(dtype)) + " " + c.what);
      const auto evaluate = [&](auto numbers, auto with) {
        const ir::Graph graph = on_gpu(c.graph, numbers);
        std::vector<ir::Array> inputs;
        for (const ir::Array& a : c.inputs) {
          inputs.push_back(ir::Array::Zeros(a.type));
          std::copy_n(a.bytes.get(), a.byte_count(), inputs.back().bytes.get());
          change(a.type, inputs.back().bytes.get(), numbers);
        }
        return with(graph, inputs)[0];
      };
      const auto interpreted = [](const ir::Graph& graph, const std::vector<ir::Array>& inputs) {
        return ir::interpret(graph, inputs).value();
      };
      const auto computed = [&](const ir::Graph& graph, const std::vector<ir::Array>& inputs) {
        const auto program = Compile(graph);
        by_library += runtime::print(*program).find("convolution: cuBLASLt") != std::string::npos;
        return testing::run_on_engine(*engine_, graph, program, inputs).value();
      };
      const auto node = std::find_if(c.graph.nodes.begin(), c.graph.nodes.end(),
                                     [](const ir::Node& n) { return n.op == ir::Op::convolution; });
      const Shape& w = c.graph.type(node->inputs[1]).shape;
      const std::int64_t terms = w[0] == 0 ? 0 : w.num_elements() / w[0];
      EXPECT_EQ(compiler::compare_sums(evaluate(moderate, computed), evaluate(moderate, interpreted),
                                       evaluate(magnitude, interpreted), terms),
                "");
    }
  }
  EXPECT_GT(by_library, 20);
}

}  // namespace
}  // namespace leat
