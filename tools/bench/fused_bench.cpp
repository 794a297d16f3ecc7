// What fuses into loops (rows 5 and 6 of the table): elementwise chains against a hand-written triad,
// softmax, layer_norm, transposes and column sums against oneDNN's own primitives, called by hand on all
// threads.
//
//   fused_bench [--json] [--rows=5,6] [--rounds=15] [WORD...]
//
// Leat's side is a compiled function that is called and waited for: it makes its result anew each time, where
// the others write to the same memory again. "Exact bits" are compared with what a compiler may
// contract, in two loops that differ in nothing else.
#include <oneapi/dnnl/dnnl.hpp>
#include <random>

#include "leat/leat.h"
#include "tools/bench/loops.h"
#include "tools/bench/measure.h"

namespace leat::bench {
namespace {

using dnnl::memory;

std::vector<float> normals(std::int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> v(static_cast<std::size_t>(count));
  for (float& e : v) e = normal(random);
  return v;
}

/// One oneDNN primitive with its memory.
class Primitive {
 public:
  Primitive(dnnl::primitive primitive, std::unordered_map<int, memory> arguments)
      : primitive_(std::move(primitive)), arguments_(std::move(arguments)) {}
  void operator()() {
    primitive_.execute(stream(), arguments_);
    stream().wait();
  }
  static dnnl::engine& engine() {
    static dnnl::engine e(dnnl::engine::kind::cpu, 0);
    return e;
  }
  static dnnl::stream& stream() {
    static dnnl::stream s(engine());
    return s;
  }

 private:
  dnnl::primitive primitive_;
  std::unordered_map<int, memory> arguments_;
};

memory::desc matrix(std::int64_t rows, std::int64_t columns,
                    memory::format_tag layout = memory::format_tag::ab) {
  return {{rows, columns}, memory::data_type::f32, layout};
}

std::string size_name(std::int64_t rows, std::int64_t columns) {
  return " " + std::to_string(rows) + "x" + std::to_string(columns);
}

void bench_chains(const Bench& bench) {
  constexpr std::int64_t n = 1 << 24;
  if (!bench.Wants(5, "chain of 8, 2^24") && !bench.Wants(5, "exp tanh chain, 2^24")) return;
  const std::vector<float> a = normals(n), b = normals(n);
  const Tensor ta = borrow(a.data(), DType::f32, {n}), tb = borrow(b.data(), DType::f32, {n});
  std::vector<float> out(static_cast<std::size_t>(n));
  const auto on_all = [&](void (*loop)(const float*, const float*, float*, std::int64_t)) {
    return [&a, &b, &out, loop] { split(n, [&](auto i, auto m) { loop(&a[i], &b[i], &out[i], m); }); };
  };
  if (bench.Wants(5, "chain of 8, 2^24")) {
    const auto chain = compile([](const Tensor& x, const Tensor& y) { return chain_of_8(x, y); });
    bench.Race(5, "chain of 8, 2^24",
               {{"leat", [&] { chain(ta, tb).wait(); }},
                {"triad by hand", on_all(triad)},
                {"triad, streaming stores", on_all(triad_streaming)},
                {"loop, exact", on_all(chain_loop_exact)},
                {"loop, contract", on_all(chain_loop_contract)}});
  }
  if (bench.Wants(5, "exp tanh chain, 2^24")) {
    const auto chain = compile([](const Tensor& x, const Tensor& y) { return tanh(exp(x * 0.1f) * y) + x; });
    bench.Race(5, "exp tanh chain, 2^24",
               {{"leat", [&] { chain(ta, tb).wait(); }}, {"triad by hand", on_all(triad)}});
  }
}

void bench_exactness(const Bench& bench) {
  constexpr std::int64_t n = 4096;
  if (!bench.Wants(5, "price of exact bits, 4096")) return;
  const std::vector<float> a = normals(n), b = normals(n);
  std::vector<float> out(static_cast<std::size_t>(n));
  bench.Race(5, "price of exact bits, 4096",
             {{"loop, exact", [&] { chain_loop_exact(a.data(), b.data(), out.data(), n); }},
              {"loop, contract", [&] { chain_loop_contract(a.data(), b.data(), out.data(), n); }}});
}

void bench_normalizations(const Bench& bench, std::int64_t rows, std::int64_t n) {
  const std::string softmax_name = "softmax" + size_name(rows, n),
                    norm_name = "layer_norm" + size_name(rows, n);
  std::vector<float> x = normals(rows * n), scale = normals(n), shift = normals(n), out(x.size());
  std::vector<float> both(scale);
  both.insert(both.end(), shift.begin(), shift.end());
  const Tensor tx = borrow(x.data(), DType::f32, {rows, n});
  dnnl::engine& engine = Primitive::engine();
  const memory from(matrix(rows, n), engine, x.data()), to(matrix(rows, n), engine, out.data());
  if (bench.Wants(6, softmax_name)) {
    const auto ours = compile([](const Tensor& v) { return softmax(v); });
    Primitive theirs(
        dnnl::softmax_forward({{dnnl::prop_kind::forward_inference, matrix(rows, n), 1}, engine}),
        {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, to}});
    bench.Race(6, softmax_name, {{"leat", [&] { ours(tx).wait(); }}, {"oneDNN", [&] { theirs(); }}});
  }
  if (bench.Wants(6, norm_name)) {
    const auto ours =
        compile([](const Tensor& v, const Tensor& g, const Tensor& b) { return layer_norm(v, g, b); });
    const Tensor g = borrow(scale.data(), DType::f32, {n}), b = borrow(shift.data(), DType::f32, {n});
    const dnnl::layer_normalization_forward::primitive_desc desc(
        {dnnl::prop_kind::forward_inference, matrix(rows, n), 1e-5f,
         dnnl::normalization_flags::use_scale_shift},
        engine);
    Primitive theirs(dnnl::layer_normalization_forward(desc),
                     {{DNNL_ARG_SRC, from},
                      {DNNL_ARG_DST, to},
                      {DNNL_ARG_SCALE_SHIFT, memory(desc.weights_desc(), engine, both.data())}});
    bench.Race(6, norm_name, {{"leat", [&] { ours(tx, g, b).wait(); }}, {"oneDNN", [&] { theirs(); }}});
  }
}

void bench_movement(const Bench& bench, std::int64_t rows, std::int64_t columns) {
  const std::string transpose_name = "transpose" + size_name(rows, columns),
                    sum_name = "column sum" + size_name(rows, columns);
  std::vector<float> x = normals(rows * columns), out(x.size());
  const Tensor tx = borrow(x.data(), DType::f32, {rows, columns});
  dnnl::engine& engine = Primitive::engine();
  const memory from(matrix(rows, columns), engine, x.data());
  if (bench.Wants(6, transpose_name)) {
    const auto ours = compile([](const Tensor& v) { return transpose(v); });
    const memory to(matrix(rows, columns, memory::format_tag::ba), engine, out.data());
    Primitive theirs(dnnl::reorder(from, to), {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}});
    bench.Race(6, transpose_name, {{"leat", [&] { ours(tx).wait(); }}, {"oneDNN", [&] { theirs(); }}});
  }
  if (bench.Wants(6, sum_name)) {
    const auto ours = compile([](const Tensor& v) { return sum(v, {0}); });
    const memory::desc result = matrix(1, columns);
    Primitive theirs(
        dnnl::reduction({{dnnl::algorithm::reduction_sum, from.get_desc(), result, 0, 0}, engine}),
        {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, memory(result, engine, out.data())}});
    bench.Race(6, sum_name, {{"leat", [&] { ours(tx).wait(); }}, {"oneDNN", [&] { theirs(); }}});
  }
}

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat::bench;
  const Bench bench(argc, argv);
  leat::Context context({.tier = leat::Tier::machine_code});
  const leat::Context::Scope scope(context);
  bench_chains(bench);
  bench_exactness(bench);
  for (const auto& [rows, n] : {std::pair{256, 1024}, {4096, 4096}}) {
    bench_normalizations(bench, rows, n);
    bench_movement(bench, rows, n);
  }
  return 0;
}
