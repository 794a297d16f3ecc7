// Times fused kernels as machine code, one thread: what the emitter is judged by.
//
//   kernel_bench [name...]     all, or those whose names contain one of the words
//
// Prints microseconds a run (the best of many), GB/s of memory touched, and compile time.
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "compiler/code_cache.h"

namespace {

using leat::DType;
using leat::ir::Kernel;
using leat::ir::Op;
using Level = Kernel::Level;
using Pattern = Kernel::Pattern;
using Stride = Kernel::Stride;
using Seconds = std::chrono::duration<double>;

/// Time that this thread ran: what the machine does besides does not count.
double thread_seconds() {
  timespec t;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Case {
  std::string name;
  Kernel kernel = {};
  std::vector<std::int64_t> sizes = {};
  std::vector<std::int64_t> accesses = {};
  std::vector<std::int64_t> elements = {};  // per slot

  std::uint16_t Access(std::vector<std::int64_t> strides) {
    accesses.push_back(0);
    accesses.insert(accesses.end(), strides.begin(), strides.end());
    return kernel.access_count++;
  }
  std::uint16_t In(std::vector<std::int64_t> strides, std::int64_t count, Stride lane = Stride::one,
                   DType dtype = DType::f32) {
    elements.push_back(count);
    kernel.inputs.push_back({.kind = Kernel::Input::Kind::memory,
                             .dtype = dtype,
                             .lane_stride = lane,
                             .level = Level::element,
                             .slot = kernel.pointer_count++,
                             .access = Access(std::move(strides))});
    return static_cast<std::uint16_t>(kernel.inputs.size() - 1);
  }
  std::uint16_t Do(Op op, std::vector<std::uint16_t> operands, Level level = Level::element,
                   DType dtype = DType::f32) {
    Kernel::Instruction i{op, dtype, level, static_cast<std::uint8_t>(operands.size()), {0, 0, 0}, 0};
    std::copy(operands.begin(), operands.end(), i.operands);
    kernel.body.push_back(i);
    return static_cast<std::uint16_t>(kernel.value_count() - 1);
  }
  void Out(std::uint16_t value, std::vector<std::int64_t> strides, std::int64_t count) {
    elements.push_back(count);
    kernel.outputs.push_back({.value = value,
                              .lane_stride = Stride::one,
                              .slot = kernel.pointer_count++,
                              .access = Access(std::move(strides))});
  }
};

Case softmax(std::int64_t rows, std::int64_t n) {
  Case c{.name = "softmax " + std::to_string(rows) + "x" + std::to_string(n)};
  c.kernel.pattern = Pattern::row_reduce;
  c.sizes = {rows, n};
  const auto x = c.In({n, 1}, rows * n);
  const auto m = c.Do(Op::reduce_max, {x}, Level::row);
  const auto e = c.Do(Op::exp, {c.Do(Op::sub, {x, m})});
  c.Out(c.Do(Op::div, {e, c.Do(Op::reduce_sum, {e}, Level::row)}), {n, 1}, rows * n);
  return c;
}

Case layer_norm(std::int64_t rows, std::int64_t n) {
  Case c{.name = "layer_norm " + std::to_string(rows) + "x" + std::to_string(n)};
  c.kernel.pattern = Pattern::row_reduce;
  c.sizes = {rows, n};
  const auto x = c.In({n, 1}, rows * n), count = c.In({0, 0}, 1, Stride::zero);
  const auto gamma = c.In({0, 1}, n), beta = c.In({0, 1}, n);
  const auto mean = c.Do(Op::div, {c.Do(Op::reduce_sum, {x}, Level::row), count}, Level::element);
  const auto d = c.Do(Op::sub, {x, mean});
  const auto sum = c.Do(Op::reduce_sum, {c.Do(Op::mul, {d, d})}, Level::row);
  const auto scale = c.Do(Op::rsqrt, {c.Do(Op::div, {sum, count})});
  c.Out(c.Do(Op::add, {c.Do(Op::mul, {c.Do(Op::mul, {d, scale}), gamma}), beta}), {n, 1}, rows * n);
  return c;
}

Case reduce(const char* name, Pattern pattern, Op op, std::int64_t rows, std::int64_t columns) {
  Case c{.name = std::string(name) + " " + std::to_string(rows) + "x" + std::to_string(columns)};
  c.kernel.pattern = pattern;
  const bool row = pattern == Pattern::row_reduce;
  c.sizes = row ? std::vector{rows, columns} : std::vector{columns, rows};
  const auto x = c.In(row ? std::vector{columns, std::int64_t{1}} : std::vector{std::int64_t{1}, columns},
                      rows * columns);
  c.Out(c.Do(op, {x}, Level::row), {1, 0}, row ? rows : columns);
  return c;
}

Case map(std::string name, std::int64_t n, const std::function<std::uint16_t(Case&)>& body) {
  Case c{.name = name + " " + std::to_string(n)};
  c.sizes = {n};
  const auto y = body(c);
  c.Out(y, {1}, n);
  return c;
}

Case transpose(std::int64_t rows, std::int64_t columns) {
  Case c{.name = "transpose " + std::to_string(rows) + "x" + std::to_string(columns)};
  c.kernel.parallel_rank = 2;
  c.sizes = {columns, rows};
  const auto x = c.In({1, columns}, rows * columns, Stride::any);
  c.Out(x, {rows, 1}, rows * columns);
  return c;
}

void run(const Case& c) {
  leat::compiler::CodeOptions options;
  auto cache = leat::compiler::make_code_cache(std::move(options));
  if (const std::string complaint = check(c.kernel); !complaint.empty()) {
    std::printf("%-28s %s\n", c.name.c_str(), complaint.c_str());
    return;
  }
  const auto code = cache->Get(c.kernel);
  cache->CompileNow(cache->Get(map("start", 1, [](Case& s) { return s.In({1}, 1); }).kernel))
      .IgnoreError();  // starts LLVM
  const double before = thread_seconds();
  const leat::Status status = cache->CompileNow(code);
  if (!status.ok()) {
    std::printf("%-28s %s\n", c.name.c_str(), status.ToString().c_str());
    return;
  }
  const double compile = thread_seconds() - before;
  std::vector<std::vector<float>> buffers;
  std::vector<void*> pointers;
  double bytes = 0;
  for (std::int64_t count : c.elements) {
    auto& buffer = buffers.emplace_back(static_cast<std::size_t>(count));
    for (std::size_t i = 0; i < buffer.size(); ++i)
      buffer[i] = static_cast<float>(i * 2654435761u % 1000) * 0.01f - 5;
    bytes += 4.0 * static_cast<double>(count);
  }
  for (auto& buffer : buffers) pointers.push_back(buffer.data());
  const leat::ir::KernelLaunch launch{c.sizes.data(), c.accesses.data(), pointers.data(), nullptr, nullptr};
  std::int64_t parallel = 1;
  for (int d = 0; d < c.kernel.parallel_rank; ++d) parallel *= c.sizes[static_cast<std::size_t>(d)];
  double best = 1e9;
  const auto start = std::chrono::steady_clock::now();
  for (int k = 0; k < 5 || (Seconds(std::chrono::steady_clock::now() - start).count() < 0.4); ++k) {
    const double begin = thread_seconds();
    code->function()(&launch, 0, parallel);
    best = std::min(best, thread_seconds() - begin);
  }
  std::printf("%-28s %10.1f us %8.1f GB/s   compiled in %.1f ms\n", c.name.c_str(), best * 1e6,
              bytes / best * 1e-9, compile * 1e3);
}

}  // namespace

int main(int argc, char** argv) {
  std::printf("%s\n", leat::compiler::describe_code_generator().c_str());
  const auto unary = [](Op op) { return [op](Case& c) { return c.Do(op, {c.In({1}, c.sizes[0])}); }; };
  const auto chain = [](Case& c) {
    const auto a = c.In({1}, c.sizes[0]), b = c.In({1}, c.sizes[0]);
    return c.Do(Op::sub, {c.Do(Op::mul, {c.Do(Op::add, {a, b}), a}), b});
  };
  const std::vector<Case> cases = {
      softmax(256, 1024),
      softmax(4096, 4096),
      softmax(512, 32768),
      softmax(4096, 32),
      layer_norm(256, 1024),
      layer_norm(4096, 4096),
      map("chain", 4096, chain),
      map("chain", 1 << 18, chain),
      map("chain", 1 << 24, chain),
      map("exp", 4096, unary(Op::exp)),
      map("tanh", 4096, unary(Op::tanh)),
      map("erf", 4096, unary(Op::erf)),
      map("log", 4096, unary(Op::log)),
      map("sin", 4096, unary(Op::sin)),
      reduce("row sum", Pattern::row_reduce, Op::reduce_sum, 256, 1024),
      reduce("row max", Pattern::row_reduce, Op::reduce_max, 256, 1024),
      reduce("row sum", Pattern::row_reduce, Op::reduce_sum, 16, 1 << 20),
      reduce("column sum", Pattern::column_reduce, Op::reduce_sum, 256, 1024),
      reduce("column sum", Pattern::column_reduce, Op::reduce_sum, 4096, 4096),
      reduce("column max", Pattern::column_reduce, Op::reduce_max, 256, 1024),
      transpose(256, 1024),
      transpose(2048, 2048),
  };
  for (const Case& c : cases) {
    const bool wanted = argc == 1 || std::any_of(argv + 1, argv + argc, [&](const char* word) {
                          return c.name.find(word) != std::string::npos;
                        });
    if (wanted) run(c);
  }
  return 0;
}
