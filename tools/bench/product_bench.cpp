// Contractions through the public API (row 7 of the table), against the libraries called by hand with all
// threads: oneDNN for f32 and convolutions, OpenBLAS for f64 where it is installed.
//
//   product_bench [--json] [--rows=7] [--rounds=15] [WORD...]
//
// Leat's weights of convolutions are constants, prepacked once, as oneDNN's are here. "oneDNN" reads and
// writes the same dense layouts as Leat; "oneDNN, blocked" has its inputs and outputs in blocked layouts of
// its own choice, which a caller with dense arrays cannot have.
#include <dlfcn.h>

#include <oneapi/dnnl/dnnl.hpp>
#include <random>

#include "leat/leat.h"
#include "tools/bench/measure.h"

namespace leat::bench {
namespace {

using dnnl::memory;
using Layout = memory::format_tag;

template <class T>
std::vector<T> normals(std::int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<T> normal;
  std::vector<T> v(static_cast<std::size_t>(count));
  for (T& e : v) e = normal(random);
  return v;
}

dnnl::engine& engine() {
  static dnnl::engine e(dnnl::engine::kind::cpu, 0);
  return e;
}
dnnl::stream& stream() {
  static dnnl::stream s(engine());
  return s;
}

void bench_f32(const Bench& bench, std::int64_t n, bool with_gelu) {
  const std::string name = "matmul f32 " + std::to_string(n) + (with_gelu ? " + bias, gelu" : "");
  if (!bench.Wants(7, name)) return;
  std::vector<float> x = normals<float>(n * n), w = normals<float>(n * n), bias = normals<float>(n),
                     other(x.size());
  const Tensor tx = borrow(x.data(), DType::f32, {n, n}), tw = borrow(w.data(), DType::f32, {n, n}),
               tb = borrow(bias.data(), DType::f32, {n});
  const auto ours = compile([with_gelu](const Tensor& a, const Tensor& b, const Tensor& c) {
    return with_gelu ? gelu(linear(a, b, c)) : matmul(a, b);
  });
  const auto square = [n] { return memory::desc({n, n}, memory::data_type::f32, Layout::ab); };
  const memory::desc row({1, n}, memory::data_type::f32, Layout::ab);
  dnnl::primitive_attr attributes;
  if (with_gelu) {
    dnnl::post_ops after;
    after.append_eltwise(1, dnnl::algorithm::eltwise_gelu_erf, 0, 0);
    attributes.set_post_ops(after);
  }
  Bench::Settle();
  const dnnl::matmul theirs(
      with_gelu ? dnnl::matmul::primitive_desc({square(), square(), row, square()}, attributes, engine())
                : dnnl::matmul::primitive_desc({square(), square(), square()}, attributes, engine()));
  std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory(square(), engine(), x.data())},
                                            {DNNL_ARG_WEIGHTS, memory(square(), engine(), w.data())},
                                            {DNNL_ARG_DST, memory(square(), engine(), other.data())}};
  if (with_gelu) arguments.emplace(DNNL_ARG_BIAS, memory(row, engine(), bias.data()));
  bench.Race(7, name, {{"leat", [&] { ours(tx, tw, tb).wait(); }}, {"oneDNN", [&] {
                                                                      theirs.execute(stream(), arguments);
                                                                      stream().wait();
                                                                    }}});
}

void bench_f64(const Bench& bench, std::int64_t size) {
  const std::string name = "matmul f64 " + std::to_string(size);
  if (!bench.Wants(7, name)) return;
  const auto x = normals<double>(size * size), y = normals<double>(size * size);
  std::vector<double> other(x.size());
  const Tensor tx = borrow(x.data(), DType::f64, {size, size}),
               ty = borrow(y.data(), DType::f64, {size, size});
  const auto ours = compile([](const Tensor& a, const Tensor& b) { return matmul(a, b); });
  std::vector<Contender> contenders = {{"leat", [&] { ours(tx, ty).wait(); }}};
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  using Gemm = void (*)(int, int, int, int, int, int, double, const double*, int, const double*, int, double,
                        double*, int);
  const auto gemm = library == nullptr ? nullptr : reinterpret_cast<Gemm>(dlsym(library, "cblas_dgemm"));
  const int n = static_cast<int>(size);
  if (gemm == nullptr) {
    std::fprintf(stderr, "no libopenblas.so.0 to compare with (Debian: libopenblas0-pthread)\n");
  } else {
    reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"))(Bench::threads());
    contenders.push_back(
        {"OpenBLAS", [&] { gemm(101, 111, 111, n, n, n, 1, x.data(), n, y.data(), n, 0, other.data(), n); }});
  }
  bench.Race(7, name, contenders);
}

void bench_convolution(const Bench& bench, std::int64_t channels, std::int64_t features,
                       std::int64_t extent) {
  const std::string name = "conv 3x3 " + std::to_string(channels) + ", " + std::to_string(extent) + "^2";
  if (!bench.Wants(7, name)) return;
  std::vector<float> x = normals<float>(channels * extent * extent),
                     w = normals<float>(features * channels * 9),
                     other(static_cast<std::size_t>(features * extent * extent));
  const Tensor tx = borrow(x.data(), DType::f32, {1, channels, extent, extent});
  GraphBuilder g;
  using Integers = GraphBuilder::Integers;
  const GraphBuilder::Handle in = g.Input("x", DType::f32, {1, channels, extent, extent});
  const GraphBuilder::Handle weights = g.Constant(DType::f32, {features, channels, 3, 3}, w.data()).value();
  const GraphBuilder::Handle y = g.Add("convolution", {in, weights},
                                       {{"strides", Integers{1, 1}},
                                        {"low", Integers{1, 1}},
                                        {"high", Integers{1, 1}},
                                        {"input_dilation", Integers{1, 1}},
                                        {"dilation", Integers{1, 1}},
                                        {"groups", std::int64_t{1}}})
                                     .value();
  const Executable ours = Compile(g.Finish({y}).value()).value();

  Bench::Settle();
  const auto desc = [](memory::dims dims, Layout layout) {
    return memory::desc(std::move(dims), memory::data_type::f32, layout);
  };
  const auto make = [&](Layout layout) {
    return dnnl::convolution_forward::primitive_desc({dnnl::prop_kind::forward_inference,
                                                      dnnl::algorithm::convolution_auto,
                                                      desc({1, channels, extent, extent}, layout),
                                                      desc({features, channels, 3, 3}, Layout::any),
                                                      desc({1, features, extent, extent}, layout),
                                                      {1, 1},
                                                      {1, 1},
                                                      {1, 1}},
                                                     engine());
  };
  const dnnl::convolution_forward::primitive_desc blocked = make(Layout::any), dense = make(Layout::nchw);
  const memory dense_x(desc({1, channels, extent, extent}, Layout::nchw), engine(), x.data());
  const memory dense_out(desc({1, features, extent, extent}, Layout::nchw), engine(), other.data());
  const memory blocked_x(blocked.src_desc(), engine()), blocked_out(blocked.dst_desc(), engine());
  const auto weights_for = [&](const dnnl::convolution_forward::primitive_desc& p) {
    const memory packed(p.weights_desc(), engine());
    memory plain(desc({features, channels, 3, 3}, Layout::oihw), engine(), w.data());
    dnnl::reorder(plain, packed).execute(stream(), plain, const_cast<memory&>(packed));
    stream().wait();
    return packed;
  };
  const dnnl::convolution_forward of_dense(dense), of_blocked(blocked);
  const std::unordered_map<int, memory> dense_arguments{
      {DNNL_ARG_SRC, dense_x}, {DNNL_ARG_WEIGHTS, weights_for(dense)}, {DNNL_ARG_DST, dense_out}};
  const std::unordered_map<int, memory> blocked_arguments{
      {DNNL_ARG_SRC, blocked_x}, {DNNL_ARG_WEIGHTS, weights_for(blocked)}, {DNNL_ARG_DST, blocked_out}};
  const dnnl::reorder pack(dense_x, blocked_x), unpack(blocked_out, dense_out);
  const auto execute_blocked = [&] { of_blocked.execute(stream(), blocked_arguments); };
  bench.Race(7, name,
             {{"leat", [&] { ours.Run({.inputs = {tx}}).value()[0].Wait().IgnoreError(); }},
              {"oneDNN, dense", [&] { of_dense.execute(stream(), dense_arguments); }},
              {"oneDNN, reorders",
               [&] {
                 pack.execute(stream(), {{DNNL_ARG_FROM, dense_x}, {DNNL_ARG_TO, blocked_x}});
                 execute_blocked();
                 unpack.execute(stream(), {{DNNL_ARG_FROM, blocked_out}, {DNNL_ARG_TO, dense_out}});
               }},
              {"oneDNN, blocked", execute_blocked}});
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat::bench;
  const Bench bench(argc, argv);
  leat::Context context({.tier = leat::Tier::machine_code});
  const leat::Context::Scope scope(context);
  for (const std::int64_t n : {256, 1000, 2048}) bench_f32(bench, n, false);
  for (const std::int64_t n : {256, 1000, 2048}) bench_f32(bench, n, true);
  bench_f64(bench, 1000);
  bench_convolution(bench, 64, 64, 56);
  bench_convolution(bench, 128, 128, 28);
  bench_convolution(bench, 256, 256, 14);
  bench_convolution(bench, 512, 512, 7);
  return 0;
}
