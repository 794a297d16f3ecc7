// Contractions against the libraries called by hand: interleaved medians, and the ratio (above 1: we are
// faster).
//
//   contraction_bench [threads]      matmul f32 against oneDNN, f64 against OpenBLAS if it is installed,
//                                    convolutions of ResNet sizes against oneDNN with blocked layouts
//
// The library runs with as many OpenMP threads; our panels are shared out among as many threads by an
// atomic counter. With more than one thread run it under OMP_WAIT_POLICY=passive, or the idle team of the
// library spins on the cores that our threads need. The time of the library's convolutions does not include
// reorders of x and out; ours does.
#include <dlfcn.h>
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <oneapi/dnnl/dnnl.hpp>
#include <random>
#include <thread>
#include <vector>

#include "runtime/cpu/contraction.h"

namespace leat::runtime::cpu {
namespace {

class Context final : public StepContext {
 public:
  Context(const void* x, const void* y, void* out, const ContractionPlan& plan)
      : packed(static_cast<std::size_t>(plan.packed_bytes)), uses_{x, y, out, packed.data()} {
    pointers = const_cast<void* const*>(uses_);
  }
  void Poison(std::size_t, const Status&, std::size_t) override {}
  bool stopping() const override { return false; }

  std::vector<std::byte> packed;

 private:
  const void* uses_[4];
};

/// Threads that spin between jobs, as a pool at work does.
class Crew {
 public:
  explicit Crew(int threads) : size_(threads) {
    for (int t = 1; t < threads; ++t) threads_.emplace_back([this] { Serve(); });
  }
  ~Crew() {
    done_ = true;
    for (std::thread& t : threads_) t.join();
  }
  void Run(const ContractionPlan& plan, Context& context) {
    if (plan.pack != nullptr) {
      Context of_pack(context.pointers[plan.pack_operand], context.pointers[3], nullptr, {});
      Run(*plan.pack, plan.pack_units, of_pack);
    }
    Run(*plan.body, plan.units, context);
  }

 private:
  void Run(const StepBody& body, std::int64_t units, Context& context) {
    body_ = &body;
    units_ = units;
    context_ = &context;
    next_ = 0;
    grain_ = std::max<std::int64_t>(1, units / (4 * size_));
    left_ = size_ - 1;
    if (units > 1) generation_.fetch_add(1, std::memory_order_release);
    Work();
    while (units > 1 && left_.load(std::memory_order_acquire) > 0) std::this_thread::yield();
  }
  void Work() {
    for (;;) {
      const std::int64_t begin = next_.fetch_add(grain_);
      if (begin >= units_) return;
      const Status s = body_->Execute(*context_, begin, std::min(begin + grain_, units_));
      if (!s.ok()) std::abort();
    }
  }
  void Serve() {
    for (int seen = 0; !done_;) {
      if (generation_.load(std::memory_order_acquire) == seen) {
        std::this_thread::yield();
        continue;
      }
      ++seen;
      Work();
      left_.fetch_sub(1, std::memory_order_release);
    }
  }

  int size_;
  std::vector<std::thread> threads_;
  std::atomic<bool> done_{false};
  std::atomic<int> generation_{0}, left_{0};
  std::atomic<std::int64_t> next_{0};
  std::int64_t grain_ = 1, units_ = 1;
  const StepBody* body_ = nullptr;
  Context* context_ = nullptr;
};

double now_us() {
  return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

void compare(const char* label, double flops, const std::string& engine, const std::function<void()>& ours,
             const std::function<void()>& theirs) {
  std::vector<double> a, b;
  ours();
  theirs();
  const double once = std::max(0.01, [&] {
    const double t = now_us();
    ours();
    return now_us() - t;
  }());
  const int repeats = static_cast<int>(std::clamp(2000 / once, 1.0, 20000.0));
  const auto time = [&](const std::function<void()>& f) {
    const double t = now_us();
    for (int i = 0; i < repeats; ++i) f();
    return (now_us() - t) / repeats;
  };
  for (int i = 0; i < 15; ++i) {
    a.push_back(time(ours));
    b.push_back(time(theirs));
  }
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  std::printf("%-44s %-12s %10.2f us %7.1f GFLOP/s   library %10.2f us   ratio %.2f (best %.2f)\n", label,
              engine.c_str(), a[7], flops / a[7] * 1e-3, b[7], b[7] / a[7], b[0] / a[0]);
}

template <class T>
std::vector<T> values(std::int64_t count) {
  std::mt19937 random(1);
  std::normal_distribution<T> normal;
  std::vector<T> v(static_cast<std::size_t>(count));
  for (T& e : v) e = normal(random);
  return v;
}

MatmulDescriptor dense(DType dtype, std::int64_t m, std::int64_t n, std::int64_t k) {
  MatmulDescriptor d;
  d.dtype = dtype;
  d.m = m;
  d.n = n;
  d.k = k;
  d.x_m_stride = k;
  d.y_k_stride = n;
  return d;
}

void bench_f32(Crew& crew, std::int64_t m, std::int64_t n, std::int64_t k) {
  using dnnl::memory;
  const auto x = values<float>(m * k), y = values<float>(k * n);
  std::vector<float> out(static_cast<std::size_t>(m * n)), other(out);
  const ContractionPlan plan = *plan_matmul(dense(DType::f32, m, n, k));
  Context context(x.data(), y.data(), out.data(), plan);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::stream stream(engine);
  const auto desc = [](std::int64_t a, std::int64_t b) {
    return memory::desc({a, b}, memory::data_type::f32, memory::format_tag::ab);
  };
  const dnnl::matmul matmul(
      dnnl::matmul::primitive_desc(dnnl::matmul::desc(desc(m, k), desc(k, n), desc(m, n)), engine));
  const std::unordered_map<int, memory> arguments{
      {DNNL_ARG_SRC, memory(desc(m, k), engine, const_cast<float*>(x.data()))},
      {DNNL_ARG_WEIGHTS, memory(desc(k, n), engine, const_cast<float*>(y.data()))},
      {DNNL_ARG_DST, memory(desc(m, n), engine, other.data())}};
  char label[80];
  std::snprintf(label, sizeof label, "matmul f32 %ld x %ld x %ld / oneDNN", m, n, k);
  compare(
      label, 2.0 * static_cast<double>(m * n * k), plan.engine, [&] { crew.Run(plan, context); },
      [&] { matmul.execute(stream, arguments); });
}

void bench_f64(Crew& crew, int threads, std::int64_t size) {
  void* library = dlopen("libopenblas.so.0", RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr) {
    std::printf("matmul f64: no libopenblas.so.0 to compare with\n");
    return;
  }
  using Gemm = void (*)(int, int, int, int, int, int, double, const double*, int, const double*, int, double,
                        double*, int);
  const auto gemm = reinterpret_cast<Gemm>(dlsym(library, "cblas_dgemm"));
  reinterpret_cast<void (*)(int)>(dlsym(library, "openblas_set_num_threads"))(threads);
  const auto x = values<double>(size * size), y = values<double>(size * size);
  std::vector<double> out(static_cast<std::size_t>(size * size)), other(out);
  const ContractionPlan plan = *plan_matmul(dense(DType::f64, size, size, size));
  Context context(x.data(), y.data(), out.data(), plan);
  const int n = static_cast<int>(size);
  char label[80];
  std::snprintf(label, sizeof label, "matmul f64 %d cubed / OpenBLAS", n);
  const double flops =
      2.0 * static_cast<double>(size) * static_cast<double>(size) * static_cast<double>(size);
  compare(
      label, flops, plan.engine, [&] { crew.Run(plan, context); },
      [&] { gemm(101, 111, 111, n, n, n, 1, x.data(), n, y.data(), n, 0, other.data(), n); });
}

void bench_convolution(Crew& crew, std::int64_t batch, std::int64_t channels, std::int64_t features,
                       std::int64_t extent, std::int64_t kernel, std::int64_t stride, bool exact) {
  using dnnl::memory;
  const std::int64_t pad = kernel / 2, output = (extent + 2 * pad - kernel) / stride + 1;
  const auto x = values<float>(batch * channels * extent * extent);
  const auto w = values<float>(features * channels * kernel * kernel);
  std::vector<float> out(static_cast<std::size_t>(batch * features * output * output));
  const ContractionPlan plan = *plan_convolution({DType::f32,
                                                  batch,
                                                  channels,
                                                  features,
                                                  1,
                                                  {extent, extent},
                                                  {kernel, kernel},
                                                  {output, output},
                                                  {stride, stride},
                                                  {pad, pad},
                                                  {pad, pad},
                                                  {1, 1},
                                                  {1, 1},
                                                  true,
                                                  exact});
  Context context(x.data(), w.data(), out.data(), plan);
  const dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  const dnnl::stream stream(engine);
  const auto any = [](memory::dims dims) {
    return memory::desc(std::move(dims), memory::data_type::f32, memory::format_tag::any);
  };
  const dnnl::convolution_forward::primitive_desc desc(
      dnnl::convolution_forward::desc(
          dnnl::prop_kind::forward_inference, dnnl::algorithm::convolution_direct,
          any({batch, channels, extent, extent}), any({features, channels, kernel, kernel}),
          any({batch, features, output, output}), {stride, stride}, {pad, pad}, {pad, pad}),
      engine);
  const dnnl::convolution_forward convolution(desc);
  const std::unordered_map<int, memory> arguments{{DNNL_ARG_SRC, memory(desc.src_desc(), engine)},
                                                  {DNNL_ARG_WEIGHTS, memory(desc.weights_desc(), engine)},
                                                  {DNNL_ARG_DST, memory(desc.dst_desc(), engine)}};
  char label[80];
  std::snprintf(label, sizeof label, "conv %ld x %ld>%ld, %ld^2, %ldx%ld/%ld%s / oneDNN", batch, channels,
                features, extent, kernel, kernel, stride, exact ? " exact" : "");
  const double flops =
      2.0 * static_cast<double>(out.size()) * static_cast<double>(channels * kernel * kernel);
  compare(
      label, flops, plan.engine, [&] { crew.Run(plan, context); },
      [&] { convolution.execute(stream, arguments); });
}

}  // namespace
}  // namespace leat::runtime::cpu

int main(int argc, char** argv) {
  using namespace leat::runtime::cpu;
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : omp_get_max_threads();
  omp_set_num_threads(threads);
  Crew crew(threads);
  std::printf("%d threads, %s\n", threads, describe_contraction_library().c_str());
  for (const std::int64_t n : {8, 16, 32, 64, 256, 1000, 2048}) bench_f32(crew, n, n, n);
  bench_f32(crew, 1, 1024, 1024);
  bench_f32(crew, 1024, 1, 1024);
  bench_f32(crew, 32, 1024, 1024);
  bench_f64(crew, threads, 256);
  bench_f64(crew, threads, 1000);
  for (const bool exact : {false, true}) {
    bench_convolution(crew, 1, 3, 64, 224, 7, 2, exact);
    bench_convolution(crew, 1, 64, 64, 56, 3, 1, exact);
    bench_convolution(crew, 1, 128, 128, 28, 3, 1, exact);
    bench_convolution(crew, 1, 256, 256, 14, 3, 1, exact);
    bench_convolution(crew, 1, 512, 512, 7, 3, 1, exact);
    bench_convolution(crew, 1, 64, 256, 56, 1, 1, exact);
    bench_convolution(crew, 8, 64, 64, 56, 3, 1, exact);
  }
  return 0;
}
