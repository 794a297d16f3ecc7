// Residual blocks of ResNet (row 7 of the table): convolutions with bias and relu, the block's input added at
// the end, against oneDNN by hand with bias, relu and sum as its own epilogues, and all its arrays in blocked
// layouts.
//
//   block_bench [--json] [--rows=7] [--rounds=15] [WORD...]
//
// Leat's weights and biases are constants, as oneDNN's are prepacked. "oneDNN, reorders" reads and writes the
// dense arrays that Leat does; "oneDNN, blocked" has its input and output blocked, which a caller with dense
// arrays cannot.
#include <oneapi/dnnl/dnnl.hpp>
#include <random>

#include "leat/leat.h"
#include "tools/bench/measure.h"

namespace leat::bench {
namespace {

using dnnl::memory;
using Tag = memory::format_tag;
constexpr auto kF32 = memory::data_type::f32;

std::vector<float> normals(std::int64_t count, float scale) {
  std::mt19937 random(static_cast<unsigned>(count));
  std::normal_distribution<float> normal(0, scale);
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& e : v) e = normal(random);
  return v;
}

/// A convolution of the block, with a bias and a relu: at the end after the input is added.
struct Layer {
  std::int64_t in, out, kernel;
  std::vector<float> w =
      normals(in * out * kernel * kernel, 1.0f / std::sqrt(static_cast<float>(in * kernel * kernel)));
  std::vector<float> b = normals(out, 0.1f);
};

struct Block {
  std::string name;
  std::int64_t batch, extent;
  std::vector<Layer> layers;
  std::int64_t channels() const { return layers[0].in; }
};

Executable compile_block(const Block& block) {
  GraphBuilder g;
  using Integers = GraphBuilder::Integers;
  using Handle = GraphBuilder::Handle;
  const auto add = [&](const char* op, std::vector<Handle> operands, GraphBuilder::Attributes attributes = {},
                       std::optional<GraphType> type = {}) {
    return g.Add(op, operands, attributes, type).value();
  };
  const auto type_of = [&](std::int64_t channels) {
    return GraphType{DType::f32, {block.batch, channels, block.extent, block.extent}};
  };
  const float zero = 0;
  const Handle x = g.Input("x", DType::f32, {block.batch, block.channels(), block.extent, block.extent});
  const Handle none = g.Constant(DType::f32, {}, &zero).value();
  Handle y = x;
  for (const Layer& layer : block.layers) {
    const std::int64_t pad = layer.kernel / 2;
    const Handle w =
        g.Constant(DType::f32, {layer.out, layer.in, layer.kernel, layer.kernel}, layer.w.data()).value();
    const Handle b = g.Constant(DType::f32, {layer.out}, layer.b.data()).value();
    y = add("convolution", {y, w},
            {{"strides", Integers{1, 1}},
             {"low", Integers{pad, pad}},
             {"high", Integers{pad, pad}},
             {"input_dilation", Integers{1, 1}},
             {"dilation", Integers{1, 1}},
             {"groups", std::int64_t{1}}});
    y = add("add", {y, add("broadcast", {b}, {{"dims", Integers{1}}}, type_of(layer.out))});
    if (&layer == &block.layers.back()) y = add("add", {y, x});
    y = add("maximum", {y, add("broadcast", {none}, {{"dims", Integers{}}}, type_of(layer.out))});
  }
  return Compile(g.Finish({y}).value()).value();
}

/// The block by hand: each layer's arrays in the layout that its primitive chooses, which agree.
class HandMade {
 public:
  HandMade(const Block& block, float* x, float* y) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    const auto dims = [&](std::int64_t channels) {
      return memory::dims{block.batch, channels, block.extent, block.extent};
    };
    dense_x_ = memory({dims(block.channels()), kF32, Tag::nchw}, engine_, x);
    dense_y_ = memory({dims(block.channels()), kF32, Tag::nchw}, engine_, y);
    for (const Layer& layer : block.layers) {
      const bool last = &layer == &block.layers.back();
      dnnl::primitive_attr attributes;
      dnnl::post_ops after;
      if (last) after.append_sum(1.0f);
      after.append_eltwise(1, dnnl::algorithm::eltwise_relu, 0, 0);
      attributes.set_post_ops(after);
      const std::int64_t pad = layer.kernel / 2;
      const dnnl::convolution_forward::primitive_desc desc(
          {dnnl::prop_kind::forward_inference,
           dnnl::algorithm::convolution_auto,
           {dims(layer.in), kF32, Tag::any},
           {{layer.out, layer.in, layer.kernel, layer.kernel}, kF32, Tag::any},
           {{layer.out}, kF32, Tag::a},
           {dims(layer.out), kF32, Tag::any},
           {1, 1},
           {pad, pad},
           {pad, pad}},
          attributes, engine_);
      if (arrays_.empty()) arrays_.emplace_back(desc.src_desc(), engine_);
      if (desc.src_desc() != arrays_.back().get_desc()) std::fprintf(stderr, "layouts differ\n");
      arrays_.emplace_back(desc.dst_desc(), engine_);
      memory plain({{layer.out, layer.in, layer.kernel, layer.kernel}, kF32, Tag::oihw}, engine_,
                   const_cast<float*>(layer.w.data()));
      memory weights(desc.weights_desc(), engine_);
      dnnl::reorder(plain, weights).execute(stream_, plain, weights);
      const memory bias(desc.bias_desc(), engine_, const_cast<float*>(layer.b.data()));
      layers_.push_back({dnnl::convolution_forward(desc),
                         {{DNNL_ARG_SRC, arrays_[arrays_.size() - 2]},
                          {DNNL_ARG_WEIGHTS, weights},
                          {DNNL_ARG_BIAS, bias},
                          {DNNL_ARG_DST, arrays_.back()}}});
    }
    pack_ = dnnl::reorder(dense_x_, arrays_.front());
    // The last convolution adds to what its result holds: the input, which is copied there first.
    keep_ = dnnl::reorder(arrays_.front(), arrays_.back());
    unpack_ = dnnl::reorder(arrays_.back(), dense_y_);
    stream_.wait();
  }
  void Pack() { pack_.execute(stream_, dense_x_, arrays_.front()); }
  void Run() {
    keep_.execute(stream_, arrays_.front(), arrays_.back());
    for (const auto& [primitive, arguments] : layers_) primitive.execute(stream_, arguments);
    stream_.wait();
  }
  void Unpack() { unpack_.execute(stream_, arrays_.back(), dense_y_); }

 private:
  dnnl::engine engine_;
  dnnl::stream stream_;
  memory dense_x_, dense_y_;
  std::vector<memory> arrays_;
  std::vector<std::pair<dnnl::convolution_forward, std::unordered_map<int, memory>>> layers_;
  dnnl::reorder pack_, keep_, unpack_;
};

void bench_block(const Bench& bench, const Block& block) {
  if (!bench.Wants(7, block.name)) return;
  const std::int64_t size = block.batch * block.channels() * block.extent * block.extent;
  std::vector<float> x = normals(size, 1), theirs(x.size());
  const Tensor tx = borrow(x.data(), DType::f32, {block.batch, block.channels(), block.extent, block.extent});
  const Executable ours = compile_block(block);
  Bench::Settle();
  HandMade hand(block, x.data(), theirs.data());
  hand.Pack();
  hand.Run();
  hand.Unpack();
  const std::vector<float> mine = ours.Run({.inputs = {tx}}).value()[0].tensor().to_vector<float>();
  for (std::size_t i = 0; i < mine.size(); ++i) {
    if (std::abs(mine[i] - theirs[i]) > 1e-3f * (1 + std::abs(theirs[i]))) {
      std::fprintf(stderr, "%s: %g and %g at %zu\n", block.name.c_str(), mine[i], theirs[i], i);
      std::exit(1);
    }
  }
  bench.Race(7, block.name,
             {{"leat", [&] { ours.Run({.inputs = {tx}}).value()[0].Wait().IgnoreError(); }},
              {"oneDNN, reorders",
               [&] {
                 hand.Pack();
                 hand.Run();
                 hand.Unpack();
               }},
              {"oneDNN, blocked", [&] { hand.Run(); }}});
}

std::string name_of(const char* kind, std::int64_t channels, std::int64_t extent, std::int64_t batch) {
  return std::string(kind) + " " + std::to_string(channels) + ", " + std::to_string(extent) + "^2, batch " +
         std::to_string(batch);
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat::bench;
  const Bench bench(argc, argv);
  leat::Context context({.tier = leat::Tier::machine_code});
  const leat::Context::Scope scope(context);
  for (const std::int64_t batch : {1, 8}) {
    for (const auto& [channels, extent] : {std::pair<std::int64_t, std::int64_t>{64, 56}, {128, 28}}) {
      bench_block(bench, {name_of("basic block", channels, extent, batch),
                          batch,
                          extent,
                          {{channels, channels, 3}, {channels, channels, 3}}});
      bench_block(bench,
                  {name_of("bottleneck", 4 * channels, extent, batch),
                   batch,
                   extent,
                   {{4 * channels, channels, 1}, {channels, channels, 3}, {channels, 4 * channels, 1}}});
    }
  }
  return 0;
}
