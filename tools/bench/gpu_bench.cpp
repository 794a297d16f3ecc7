// Leat on a GPU: the works of the GPU table (tools/gpu bench prints it, with the peers beside it), and what
// each row must reach: met, missed, or not measured, as what takes a peer is here. Without a GPU it says so,
// and ends with status 3.
//
//   1  elementwise chain and copy      4  a program of 100 kernels again   6  a transformer encoder
//   2  rows, columns, transposes       5  10 x (normal, matmul)            7  both sides at once
//   3  products with bias and gelu
//
// "leat, library epilogues" is a Context that allows cuBLASLt its bias and gelu (ContextOptions).
//
// Times are wall time of many runs queued one behind the other, over their number, unless the work says
// "queued" or "alone". Rows 1 and 2 measure the driver's own copy from device to device in the same way. Row
// 4 runs a plan again, which is one launch of a device graph.
#include <cmath>
#include <cstring>

#include "compiler/frontend/context_state.h"
#include "leat/leat.h"
#include "runtime/cuda/gpu.h"
#include "runtime/engine/engine_core.h"
#include "tools/bench/gpu_bars.h"
#include "tools/bench/measure.h"

namespace leat::bench {
namespace {

using runtime::cuda::CuResult;

constexpr int kNoGpu = 3;

class GpuBench {
 public:
  GpuBench(int argc, char** argv, Context& context, Context& library, bool small)
      : bench_(argc, argv), bars_(bench_, small), context_(context), library_(library), small_(small) {}

  void Run() {
    Streams();
    Rows();
    Products();
    Program();
    Queue();
    Encoder();
    BothSides();
    const Context::Scope scope(library_);
    who_ = "leat, library epilogues";
    Products();
    Encoder();
  }

 private:
  // An extent; of a small run, which only shows that the program works, a small one.
  std::int64_t N(std::int64_t extent) const { return small_ ? std::min<std::int64_t>(extent, 64) : extent; }
  bool Wants(int row) const { return bench_.Wants(row, ""); }

  static Tensor There(const Tensor& x, DType dtype = DType::f32) {
    return to_device(dtype == DType::f32 ? x : astype(x, dtype), "gpu:0").wait();
  }
  Tensor Random(const Shape& shape, DType dtype = DType::f32) {
    Generator random(++seed_);
    return There(random.normal(shape), dtype);
  }

  // Microseconds a run of `make()`, of runs that are queued one behind the other.
  Spread Queued(const std::function<Tensor()>& make) {
    const auto several = [&](int count) {
      std::vector<Tensor> results;
      const double begin = now_us();
      for (int k = 0; k < count; ++k) results.push_back(make().eval());
      Context::Current().wait_all();
      return (now_us() - begin) / count;
    };
    several(3);
    const int count = static_cast<int>(std::clamp(50'000 / std::max(several(3), 1.0), 2.0, 200.0));
    std::vector<double> samples;
    for (int round = 0; round < bench_.rounds(); ++round) samples.push_back(several(count));
    return spread(samples);
  }
  Spread Time(int row, const std::string& work, const std::function<Tensor()>& make) {
    const Spread s = Queued(make);
    bench_.Report(row, work, who_, s);
    return s;
  }

  // Microseconds that the driver takes to copy so many bytes from device to device; 0 where there is no
  // memory for two of them.
  Spread DeviceCopy(std::size_t bytes) {
    const auto& gpu = *context_.state()->engine().core().gpus[1];
    const runtime::cuda::Gpu::Current current(gpu);
    const runtime::cuda::Driver& d = gpu.driver();
    runtime::cuda::CuAddress from = 0, to = 0;
    runtime::cuda::CuStream stream = nullptr;
    std::vector<double> samples;
    if (d.MemAlloc(&from, bytes) == CuResult::success && d.MemAlloc(&to, bytes) == CuResult::success &&
        d.StreamCreate(&stream, runtime::cuda::kStreamNonBlocking) == CuResult::success) {
      const int count = small_ ? 2 : 20;
      for (int round = -1; round < bench_.rounds(); ++round) {
        const double begin = now_us();
        for (int k = 0; k < count; ++k)
          d.MemcpyPeerAsync(to, gpu.context(), from, gpu.context(), bytes, stream);
        d.StreamSynchronize(stream);
        if (round >= 0) samples.push_back((now_us() - begin) / count);
      }
    } else {
      std::fprintf(stderr, "gpu_bench: no memory for two copies of %zu bytes\n", bytes);
    }
    if (stream != nullptr) d.StreamDestroy(stream);
    if (to != 0) d.MemFree(to);
    if (from != 0) d.MemFree(from);
    return samples.empty() ? Spread() : spread(samples);
  }

  void Streams() {
    if (!Wants(1)) return;
    const std::int64_t n = small_ ? 1 << 12 : std::int64_t{1} << 28;
    Spread chain, copy;
    {
      const Tensor x = Random({n});
      chain = Time(1, "elementwise chain, 2^28 f32", [&] { return tanh(x * 2 + 1) * 0.5f - x; });
      copy = Time(1, "copy, 2^28 f32", [&] { return -x; });  // reads and writes each element, as a copy does
    }
    const Spread device = DeviceCopy(static_cast<std::size_t>(4 * n));
    if (device.median > 0) bench_.Report(1, "copy, 2^28 f32", "device-to-device copy", device);
    bars_.AtLeast(1, "elementwise chain, of the copy's bandwidth", device.median / chain.median, 0.92);
    bars_.AtLeast(1, "copy, of the copy's bandwidth", device.median / copy.median, 0.92);
  }

  void Rows() {
    if (!Wants(2)) return;
    for (const DType dtype : {DType::f32, DType::bf16}) {
      const std::string suffix = dtype == DType::f32 ? ", 8192x4096 f32" : ", 8192x4096 bf16";
      const Tensor x = Random({N(8192), N(4096)}, dtype);
      const Tensor scale = There(ones({N(4096)}), dtype), shift = There(zeros({N(4096)}), dtype);
      const auto bytes = static_cast<std::size_t>(x.shape().num_elements()) * byte_size(dtype);
      const double copy = DeviceCopy(bytes).median;
      // `passes` over the bytes of x; the copy makes two.
      const auto time = [&](const char* work, int passes, const std::function<Tensor()>& make) {
        const Spread s = Time(2, work + suffix, make);
        bars_.AtLeast(2, work + suffix + ", of the copy's bandwidth", copy * passes / (2 * s.median), 0.85);
      };
      time("softmax", 2, [&] { return softmax(x, -1); });
      time("layer_norm", 2, [&] { return layer_norm(x, scale, shift); });
      time("transpose", 2, [&] { return transpose(x) + 0; });
      time("sum", 1, [&] { return sum(x); });
      time("column sums", 1, [&] { return sum(x, {0}); });
    }
    bars_.NeedsPeers(2, "not slower than torch.compile and JAX");
  }

  void Products() {
    if (!Wants(3)) return;
    struct Size {
      std::int64_t m, n, k;
      const char* name;
    };
    for (const Size& s : {Size{8192, 8192, 8192, "8192^3"}, Size{4096, 4096, 1024, "4096x4096x1024"}}) {
      for (const DType dtype : {DType::bf16, DType::f32}) {
        const std::string suffix = std::string(", ") + s.name + (dtype == DType::f32 ? " f32" : " bf16");
        const Tensor x = Random({N(s.m), N(s.k)}, dtype), w = Random({N(s.k), N(s.n)}, dtype);
        const Tensor b = Random({N(s.n)}, dtype);
        const Spread alone = Time(3, "matmul" + suffix, [&] { return matmul(x, w); });
        const Spread both =
            Time(3, "matmul + bias + gelu" + suffix, [&] { return gelu(linear(x, w, b), true); });
        bars_.AtMost(3, "bias + gelu" + suffix + ", over matmul alone", both.median / alone.median, 1.05);
      }
    }
    bars_.NeedsPeers(3, "at least 0.98 of torch.matmul");
  }

  void Program() {
    if (!Wants(4)) return;
    // 100 kernels: no two reductions over other dimensions run as one.
    std::string text = "graph @chain(%x: f32[1024,1024]) -> (f32[1024,1024]) {\n";
    std::string at = "%x";
    for (int k = 0; k < 50; ++k) {
      const std::string n = std::to_string(k), axis = std::to_string(k % 2),
                        other = std::to_string(1 - k % 2);
      text += "  %s" + n + " = reduce_max " + at + " {dims=[" + axis + "]}\n  %b" + n + " = broadcast %s" +
              n + " {dims=[" + other + "]} : f32[1024,1024]\n  %y" + n + " = sub " + at + " %b" + n + "\n";
      at = "%y" + n;
    }
    const Graph graph = Graph::Parse(text + "  return " + at + "\n}\n").value();
    const Executable executable = Compile(graph, {.context = &context_}).value();
    const Tensor x = Random({1024, 1024});
    std::vector<double> host, total;
    for (int round = -2; round < 20 * bench_.rounds(); ++round) {
      const double begin = now_us();
      std::vector<Future> futures = executable.Run({.inputs = {x}}).value();
      const double queued = now_us();
      if (const Status s = futures[0].Wait(); !s.ok()) throw Error(s);
      if (round < 0) continue;
      host.push_back(queued - begin);
      total.push_back(now_us() - begin);
    }
    bench_.Report(4, "100 kernels again: queued", "leat", spread(host));
    bench_.Report(4, "100 kernels again: done", "leat", spread(total));
    bars_.AtMost(4, "100 kernels again: queued", spread(host).median, 15, " us");
    bars_.NeedsPeers(4, "total not above PyTorch's CUDA-graph replay");
  }

  void Queue() {
    if (!Wants(5)) return;
    const std::int64_t n = N(1000);
    Generator random(17);
    std::vector<double> queued, done;
    for (int round = -2; round < 3 * bench_.rounds(); ++round) {
      std::vector<Tensor> products;
      const double begin = now_us();
      for (int k = 0; k < 10; ++k) {
        const Tensor a = to_device(random.normal({n, n}), "gpu:0");
        products.push_back(matmul(a, a));
        products.back().eval();
      }
      const double back = now_us();
      for (const Tensor& p : products) p.wait();
      if (round < 0) continue;
      queued.push_back(back - begin);
      done.push_back(now_us() - begin);
    }
    bench_.Report(5, "10 x (normal, matmul) 1000: queued", "leat", spread(queued));
    bench_.Report(5, "10 x (normal, matmul) 1000: done", "leat", spread(done));
    bars_.AtMost(5, "10 x (normal, matmul) 1000: queued", spread(queued).median, 20, " us");
    bars_.NeedsPeers(5, "finished not above PyTorch and JAX");
  }

  // Post-norm layers of 12 heads, 768 wide, as BERT-base has them, over sequences of 128.
  void Encoder() {
    if (!Wants(6)) return;
    const std::int64_t width = N(768), heads = small_ ? 4 : 12, length = small_ ? 16 : 128;
    const std::int64_t layers = small_ ? 2 : 12;
    struct Layer {
      Tensor qkv, qkv_bias, out, out_bias, up, up_bias, down, down_bias, scale, shift;
    };
    const auto weight = [&](const Shape& shape) {
      Generator random(++seed_);
      return There(random.normal(shape) * 0.02f, DType::bf16);
    };
    std::vector<Layer> all;
    for (std::int64_t l = 0; l < layers; ++l) {
      all.push_back({weight({width, 3 * width}), weight({3 * width}), weight({width, width}), weight({width}),
                     weight({width, 4 * width}), weight({4 * width}), weight({4 * width, width}),
                     weight({width}), There(ones({width}), DType::bf16), There(zeros({width}), DType::bf16)});
    }
    for (const std::int64_t batch : {1, 32}) {
      if (small_ && batch > 1) continue;
      const Tensor input = Random({batch, length, width}, DType::bf16);
      const auto forward = [&] {
        Tensor x = input;
        for (const Layer& l : all) {
          const Tensor qkv = linear(x, l.qkv, l.qkv_bias);
          const auto head = [&](std::int64_t which) {
            const Tensor part = slice(qkv, {{}, {}, {which * width, (which + 1) * width}});
            return transpose(reshape(part, {batch, length, heads, width / heads}), {0, 2, 1, 3});
          };
          const Tensor mixed = transpose(attention(head(0), head(1), head(2)), {0, 2, 1, 3});
          x = layer_norm(x + linear(reshape(mixed, {batch, length, width}), l.out, l.out_bias), l.scale,
                         l.shift);
          x = layer_norm(x + linear(gelu(linear(x, l.up, l.up_bias), true), l.down, l.down_bias), l.scale,
                         l.shift);
        }
        return x;
      };
      Time(6, "encoder, 12 layers, bf16, batch " + std::to_string(batch), forward);
    }
    bars_.NeedsPeers(6, "not slower than torch.compile and JAX");
  }

  void BothSides() {
    if (!Wants(7)) return;
    const Tensor host = Generator(1).normal({N(1024), N(1024)}).wait(), device = There(host);
    const auto work = [&](Tensor x, int count) {
      for (int k = 0; k < count; ++k) x = tanh(x * 1.01f) - max(x, {1}, true);
      return x;
    };
    const auto time = [&](const std::function<void()>& run) {
      std::vector<double> samples;
      for (int round = -1; round < bench_.rounds(); ++round) {
        const double begin = now_us();
        run();
        if (round >= 0) samples.push_back(now_us() - begin);
      }
      return spread(samples);
    };
    const int on_host = 4;
    const Spread one = time([&] { work(host, on_host).wait(); });
    // As many on the GPU as take as long.
    const Spread probe = time([&] { work(device, 8).wait(); });
    const int on_device =
        small_ ? 8 : static_cast<int>(std::clamp(8 * one.median / probe.median, 1.0, 4000.0));
    const Spread other = time([&] { work(device, on_device).wait(); });
    const Spread both = time([&] {
      const Tensor a = work(host, on_host).eval(), b = work(device, on_device).eval();
      a.wait();
      b.wait();
    });
    bench_.Report(7, "a branch on the CPU, alone", "leat", one);
    bench_.Report(7, "a branch on the GPU, alone", "leat", other);
    bench_.Report(7, "both branches at once", "leat", both);
    const double ratio = both.median / std::max(one.median, other.median);
    bench_.Report(7, "makespan over the longer branch", "leat", {ratio, ratio, ratio}, "x");
    bars_.AtMost(7, "longer branch over the shorter",
                 std::max(one.median, other.median) / std::min(one.median, other.median), 1.2);
    bars_.AtMost(7, "makespan over the longer branch", ratio, 1.15);
    const Tensor large = full({N(4096), N(4096)}, 1.0f).wait();
    const Spread copy = time([&] { to_device(large, "gpu:0").wait(); });
    const Spread under = time([&] {
      const Tensor moved = to_device(large, "gpu:0").eval(), b = work(device, on_device).eval();
      moved.wait();
      b.wait();
    });
    bench_.Report(7, "a copy of 64 MiB to the GPU, alone", "leat", copy);
    bench_.Report(7, "the copy under the GPU's branch", "leat", under);
  }

  Bench bench_;
  const Bars bars_;
  Context &context_, &library_;
  std::string who_ = "leat";
  const bool small_;
  std::uint64_t seed_ = 0;
};

}  // namespace
}  // namespace leat::bench

int main(int argc, char** argv) {
  using namespace leat;
  // Small extents, to see that the program works where a run of full size makes no sense.
  const bool small = std::getenv("LEAT_BENCH_SMALL") != nullptr;
  std::unique_ptr<Context> context, library;
  try {
    const Engine engine({.gpu_devices = 1});
    context = std::make_unique<Context>(engine, ContextOptions{.tier = Tier::machine_code});
    library = std::make_unique<Context>(
        engine, ContextOptions{.library_epilogues = true, .tier = Tier::machine_code});
  } catch (const Error& e) {
    bench::Bars::SayNothingIsMeasured(bench::Bench(argc, argv));
    std::fprintf(stderr, "gpu_bench: skipped: %s\n", e.status().message().c_str());
    return bench::kNoGpu;
  }
  const Context::Scope scope(*context);
  try {
    bench::GpuBench(argc, argv, *context, *library, small).Run();
  } catch (const Error& e) {
    std::fprintf(stderr, "gpu_bench: %s\n", e.what());
    return 1;
  }
}
