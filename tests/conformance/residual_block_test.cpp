// Networks of convolutions whose activations stay in blocked layouts, against the exact program (which has
// the interpreter's bits): near it where a library works, the same from run to run, on one thread and on
// four.
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "leat/graph_ops.h"
#include "leat/leat.h"
#include "runtime/cpu/micro_kernel.h"

namespace leat {
namespace {

using graph_ops::Handle;
using graph_ops::Integers;

/// A graph of convolutions in the making: [n,c,h,w], weights and biases constants.
class Network {
 public:
  explicit Network(DType dtype, Dim batch = 2, std::int64_t channels = 3, std::int64_t extent = 16)
      : dtype_(dtype), batch_(std::move(batch)), extent_(extent) {
    x_ = g_.Input("x", dtype, {batch_, channels, extent, extent});
    channels_[x_.node] = {channels, extent};
  }
  Handle x() const { return x_; }

  Handle Convolution(Handle x, std::int64_t features, std::int64_t kernel, std::int64_t stride = 1,
                     std::int64_t groups = 1) {
    const auto [channels, extent] = channels_.at(x.node);
    const std::int64_t pad = kernel / 2;
    const Handle w = Constant({features, channels / groups, kernel, kernel},
                              1 / std::sqrt(static_cast<double>(channels / groups * kernel * kernel)));
    const Handle y =
        graph_ops::convolution(g_, x, w, {stride, stride}, {pad, pad}, {pad, pad}, {1, 1}, {1, 1}, groups)
            .value();
    channels_[y.node] = {features, (extent + 2 * pad - kernel) / stride + 1};
    return y;
  }
  Handle Bias(Handle x) {
    const Handle b = Constant({channels_.at(x.node).first}, 0.5);
    return Like(x, graph_ops::add(g_, x, graph_ops::broadcast(g_, b, {1}, TypeOf(x)).value()).value());
  }
  Handle Relu(Handle x) {
    const Handle zero = Constant({}, 0);
    return Like(x, graph_ops::maximum(g_, x, graph_ops::broadcast(g_, zero, {}, TypeOf(x)).value()).value());
  }
  Handle Add(Handle x, Handle y) { return Like(x, graph_ops::add(g_, x, y).value()); }
  Handle Pool(Handle x) {
    const Handle y = graph_ops::reduce_window(g_, x, "max", {1, 1, 3, 3}, {1, 1, 2, 2}, {0, 0, 1, 1},
                                              {0, 0, 1, 1}, {1, 1, 1, 1})
                         .value();
    channels_[y.node] = {channels_.at(x.node).first, (channels_.at(x.node).second - 1) / 2 + 1};
    return y;
  }
  Handle Basic(Handle x, std::int64_t features, std::int64_t stride) {
    const Handle y = Bias(Convolution(Relu(Bias(Convolution(x, features, 3, stride))), features, 3));
    const bool same = stride == 1 && channels_.at(x.node).first == features;
    return Relu(Add(y, same ? x : Convolution(x, features, 1, stride)));
  }
  Handle Bottleneck(Handle x, std::int64_t narrow) {
    const std::int64_t wide = channels_.at(x.node).first;
    Handle y = Relu(Bias(Convolution(x, narrow, 1)));
    y = Relu(Bias(Convolution(y, narrow, 3)));
    return Relu(Add(Bias(Convolution(y, wide, 1)), x));
  }
  Graph Finish(Handle y) { return g_.Finish({y}).value(); }

 private:
  GraphType TypeOf(Handle x) {
    const auto [channels, extent] = channels_.at(x.node);
    return {dtype_, {batch_, channels, extent, extent}};
  }
  Handle Like(Handle x, Handle y) {
    channels_[y.node] = channels_.at(x.node);
    return y;
  }
  Handle Constant(const Shape& shape, double scale) {
    std::normal_distribution<double> normal;
    const std::int64_t n = shape.num_elements();
    return visit_dtype(dtype_, [&]<class T>(T) {
      std::vector<char> bytes(static_cast<std::size_t>(n) * sizeof(T));
      T* to = reinterpret_cast<T*>(bytes.data());
      for (std::int64_t i = 0; i < n; ++i) {
        if constexpr (!std::is_same_v<T, bool>) to[i] = T(static_cast<float>(scale * normal(random_)));
      }
      return g_.Constant(dtype_, shape, bytes.data()).value();
    });
  }

  GraphBuilder g_;
  DType dtype_;
  Dim batch_;
  std::int64_t extent_;
  Handle x_;
  std::map<std::uint32_t, std::pair<std::int64_t, std::int64_t>> channels_;
  std::mt19937 random_{5};
};

class Blocks : public ::testing::Test {
 protected:
  static std::vector<float> Run(const Executable& program, const Tensor& x) {
    auto results = program.Run({.inputs = {x}});
    EXPECT_TRUE(results.ok()) << results.status().ToString();
    const Status status = results.value()[0].Wait();
    EXPECT_TRUE(status.ok()) << status.ToString();
    return astype((*results)[0].tensor(), DType::f32).to_vector<float>();
  }

  /// `near`: of the largest result.
  static void Check(const Graph& graph, const Shape& x_shape, DType dtype, double near) {
    std::mt19937 random(9);
    std::normal_distribution<float> normal;
    std::vector<float> values(static_cast<std::size_t>(x_shape.num_elements()));
    for (float& v : values) v = normal(random);
    std::vector<float> first;
    for (const int workers : {1, 4}) {
      Context context({.workers = workers});
      const Context::Scope scope(context);
      const Tensor x = astype(tensor(std::span<const float>(values), x_shape), dtype);
      const std::vector<float> expected = Run(Compile(graph, {.exact_contractions = true}).value(), x);
      const Executable program = Compile(graph).value();
      for (int again = 0; again < 2; ++again) {
        const std::vector<float> got = Run(program, x);
        ASSERT_EQ(got.size(), expected.size());
        float largest = 0;
        for (const float v : expected) largest = std::max(largest, std::abs(v));
        for (std::size_t i = 0; i < got.size(); ++i) ASSERT_NEAR(got[i], expected[i], near * largest) << i;
        if (first.empty()) first = got;
        ASSERT_EQ(first, got) << workers << " workers";
      }
    }
  }

  /// Whether the library's layouts were used: where there are kernels for them.
  static void CheckLayouts(const Graph& graph, DType dtype) {
    const std::string text = Compile(graph).value().Dump("fused").value();
    const auto isa = runtime::cpu::host_isa();
    const bool kernels =
        isa == runtime::cpu::Isa::avx512 || (isa == runtime::cpu::Isa::avx2 && dtype == DType::f32);
    EXPECT_EQ(text.find("reorder") != std::string::npos, kernels) << text;
    const std::string exact = Compile(graph, {.exact_contractions = true}).value().Dump("fused").value();
    EXPECT_EQ(exact.find("reorder"), std::string::npos);
  }
};

Graph small_resnet(DType dtype, Dim batch) {
  Network net(dtype, std::move(batch));
  Handle y = net.Pool(net.Relu(net.Bias(net.Convolution(net.x(), 64, 7, 2))));
  y = net.Basic(net.Basic(y, 64, 1), 96, 2);
  return net.Finish(net.Bottleneck(y, 32));
}

TEST_F(Blocks, SmallResNet) {
  const Graph graph = small_resnet(DType::f32, 2);
  CheckLayouts(graph, DType::f32);
  Check(graph, {2, 3, 16, 16}, DType::f32, 1e-5);
}

TEST_F(Blocks, SmallResNetInBf16) {
  const Graph graph = small_resnet(DType::bf16, 2);
  CheckLayouts(graph, DType::bf16);
  Check(graph, {2, 3, 16, 16}, DType::bf16, 0.05);
}

TEST_F(Blocks, BatchesAreBoundWhenARunBegins) {
  const Graph graph = small_resnet(DType::f32, "n");
  for (const std::int64_t n : {1, 3, 7}) Check(graph, {n, 3, 16, 16}, DType::f32, 1e-5);
}

TEST_F(Blocks, OddChannelsStayDense) {
  Network net(DType::f32);
  Handle y = net.Relu(net.Bias(net.Convolution(net.x(), 20, 3)));
  y = net.Relu(net.Bias(net.Convolution(y, 64, 3, 2)));
  y = net.Relu(net.Bias(net.Convolution(y, 37, 3)));
  Check(net.Finish(net.Convolution(y, 24, 3)), {2, 3, 16, 16}, DType::f32, 1e-5);
}

TEST_F(Blocks, GroupsAndDepthwise) {
  Network net(DType::f32);
  Handle y = net.Relu(net.Bias(net.Convolution(net.x(), 64, 3)));
  y = net.Relu(net.Bias(net.Convolution(y, 64, 3, 1, 64)));
  y = net.Relu(net.Bias(net.Convolution(y, 64, 3, 2, 4)));
  y = net.Relu(net.Bias(net.Convolution(y, 32, 3, 1, 16)));  // groups narrower than a block
  const Graph graph = net.Finish(net.Convolution(y, 16, 3));
  CheckLayouts(graph, DType::f32);
  Check(graph, {2, 3, 16, 16}, DType::f32, 1e-5);
}

}  // namespace
}  // namespace leat
