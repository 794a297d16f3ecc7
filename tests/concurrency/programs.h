// Programs for the tests of the executor: steps are C++ functions, and every value can be checked.
//
//   ProgramBuilder b;
//   auto x = b.Input(8);  auto y = b.Output(8);
//   b.Step("double", {x}, {y}, [](StepContext& c, int64_t, int64_t) { ...; return Status(); });
//   auto program = b.Finish();
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "runtime/engine/engine.h"
#include "runtime/program/program.h"

namespace leat::runtime {

using StepFunction = std::function<Status(StepContext&, std::int64_t, std::int64_t)>;

class FunctionStep final : public StepBody {
 public:
  explicit FunctionStep(StepFunction function, bool may_alias = false)
      : function_(std::move(function)), may_alias_(may_alias) {}
  Status Execute(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    return function_(context, begin, end);
  }
  std::string_view kind() const override { return "function"; }
  std::string ToString() const override { return "a function of a test"; }
  bool MayAlias(std::size_t, std::size_t) const override { return may_alias_; }

 private:
  StepFunction function_;
  bool may_alias_;
};

class ProgramBuilder {
 public:
  ProgramBuilder() { p_.name = "test"; }
  std::uint32_t Input(std::int64_t bytes, DeviceId device = 0) {
    const auto b = Add(BufferInfo::Kind::input, bytes, device, static_cast<std::uint32_t>(p_.inputs.size()));
    p_.inputs.push_back(b);
    return b;
  }
  std::uint32_t Output(std::int64_t bytes, DeviceId device = 0) {
    const auto b =
        Add(BufferInfo::Kind::output, bytes, device, static_cast<std::uint32_t>(p_.outputs.size()));
    p_.outputs.push_back(b);
    return b;
  }
  std::uint32_t Temporary(std::int64_t bytes, DeviceId device = 0) {
    const auto b = Add(BufferInfo::Kind::temporary, bytes, device, 0);
    if (p_.arena_bytes.size() <= device) p_.arena_bytes.resize(device + 1u, 0);
    p_.buffers[b].offset = p_.arena_bytes[device];
    p_.arena_bytes[device] += (bytes + 63) / 64 * 64;
    return b;
  }
  std::uint32_t Constant(std::vector<std::int64_t> values) {
    const auto bytes = static_cast<std::int64_t>(values.size() * 8);
    const auto b = Add(BufferInfo::Kind::constant, bytes, 0, 0);
    std::shared_ptr<std::byte[]> data(new std::byte[values.size() * 8]);
    std::memcpy(data.get(), values.data(), values.size() * 8);
    p_.buffers[b].data = data;
    return b;
  }
  /// Edges from the last writers of what it reads are added.
  std::uint32_t Step(std::string name, std::vector<std::uint32_t> reads, std::vector<std::uint32_t> writes,
                     StepFunction function, double cost_ns = 100, bool may_alias = false) {
    const auto s = static_cast<std::uint32_t>(p_.steps.size());
    leat::runtime::Step step;
    step.name = std::move(name);
    if (function) step.body = std::make_shared<FunctionStep>(std::move(function), may_alias);
    for (const std::uint32_t b : reads) {
      step.uses.push_back({b, false});
      for (const std::uint32_t w : writers_[b]) p_.edges.push_back({w, s, Cause::use});
    }
    for (const std::uint32_t b : writes) {
      step.uses.push_back({b, true});
      writers_[b].push_back(s);
    }
    step.cost_ns = cost_ns;
    p_.steps.push_back(std::move(step));
    return s;
  }
  Program& program() { return p_; }
  std::shared_ptr<const Program> Finish() {
    for (const std::int64_t bytes : p_.arena_bytes) p_.peak_bytes += bytes;
    for (const std::uint32_t o : p_.outputs) {
      if (p_.buffers[o].kind == BufferInfo::Kind::output) p_.peak_bytes += p_.buffers[o].bytes;
    }
    const Status s = p_.Finish();
    EXPECT_TRUE(s.ok()) << s.ToString();
    return std::make_shared<Program>(std::move(p_));
  }

 private:
  std::uint32_t Add(BufferInfo::Kind kind, std::int64_t bytes, DeviceId device, std::uint32_t index) {
    BufferInfo info;
    info.kind = kind;
    info.device = device;
    info.index = index;
    info.type = {DType::u8, {bytes}};
    info.bytes = bytes;
    p_.buffers.push_back(info);
    writers_.emplace_back();
    return static_cast<std::uint32_t>(p_.buffers.size() - 1);
  }
  Program p_;
  std::vector<std::vector<std::uint32_t>> writers_;
};

/// Hash-like: depends on every operand and its place.
inline std::int64_t mix(std::int64_t seed, const std::vector<std::int64_t>& operands) {
  auto h = static_cast<std::uint64_t>(seed) * 0x9E3779B97F4A7C15ull + 1;
  for (const std::int64_t x : operands) h = (h ^ static_cast<std::uint64_t>(x)) * 0xBF58476D1CE4E5B9ull + 7;
  return static_cast<std::int64_t>(h);
}

/// A random DAG of `n` steps over int64 scalars: step k writes mix(k, what it reads). Steps without
/// successors are outputs. `expected(inputs)` computes the outputs.
struct RandomProgram {
  std::shared_ptr<const Program> program;
  std::vector<std::vector<std::uint32_t>> operands;  // of each step: inputs are 0 .. n_inputs-1, then steps
  std::vector<std::uint32_t> output_steps;
  std::size_t n_inputs = 0;
  std::shared_ptr<std::vector<std::atomic<int>>> ran;  // per step

  std::vector<std::int64_t> Expected(const std::vector<std::int64_t>& inputs) const {
    std::vector<std::int64_t> values = inputs;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      std::vector<std::int64_t> read;
      for (const std::uint32_t o : operands[k]) read.push_back(values[o]);
      values.push_back(mix(static_cast<std::int64_t>(k), read));
    }
    std::vector<std::int64_t> out;
    for (const std::uint32_t s : output_steps) out.push_back(values[n_inputs + s]);
    return out;
  }
  /// Whether step s depends on step or input `v` (as in `operands`).
  std::vector<bool> DependsOn(std::uint32_t v) const {
    std::vector<bool> depends(n_inputs + operands.size(), false);
    depends[v] = true;
    for (std::size_t k = 0; k < operands.size(); ++k) {
      for (const std::uint32_t o : operands[k]) {
        if (depends[o]) depends[n_inputs + k] = true;
      }
    }
    return depends;
  }
};

/// `fault(step)` may return an error that the step reports.
inline RandomProgram make_random_program(std::uint32_t seed, std::uint32_t n, std::size_t n_inputs,
                                         std::function<Status(std::uint32_t)> fault = {},
                                         double cost_ns = 0) {
  std::mt19937 random(seed);
  RandomProgram r;
  r.n_inputs = n_inputs;
  r.ran = std::make_shared<std::vector<std::atomic<int>>>(n);
  std::vector<bool> used(n_inputs + n, false);
  const bool wide = random() % 4 == 0;
  for (std::uint32_t k = 0; k < n; ++k) {
    std::vector<std::uint32_t> operands;
    const std::uint32_t most = k + 1 == n && wide ? n : 1 + random() % 4;
    const auto available = static_cast<std::uint32_t>(n_inputs + k);
    for (std::uint32_t i = 0; i < most && available > 0; ++i) {
      const std::uint32_t back = random() % 4 == 0 ? available : std::min(available, 20u);
      const std::uint32_t o = most == n ? i % available : available - 1 - random() % back;
      if (std::find(operands.begin(), operands.end(), o) == operands.end()) operands.push_back(o);
      if (wide && k > 0 && random() % 2) break;
    }
    for (const std::uint32_t o : operands) used[o] = true;
    r.operands.push_back(operands);
  }
  ProgramBuilder b;
  std::vector<std::uint32_t> buffers;
  for (std::size_t i = 0; i < n_inputs; ++i) buffers.push_back(b.Input(8));
  for (std::uint32_t k = 0; k < n; ++k) {
    const bool output = !used[n_inputs + k];
    if (output) r.output_steps.push_back(k);
    buffers.push_back(output ? b.Output(8) : b.Temporary(8));
    std::vector<std::uint32_t> reads;
    for (const std::uint32_t o : r.operands[k]) reads.push_back(buffers[o]);
    b.Step(
        "step" + std::to_string(k), reads, {buffers.back()},
        [k, count = reads.size(), ran = r.ran, fault](StepContext& c, std::int64_t, std::int64_t) {
          (*ran)[k].fetch_add(1, std::memory_order_relaxed);
          if (fault) {
            if (Status s = fault(k); !s.ok()) return s;
          }
          std::vector<std::int64_t> read;
          for (std::size_t i = 0; i < count; ++i) read.push_back(*static_cast<std::int64_t*>(c.pointers[i]));
          *static_cast<std::int64_t*>(c.pointers[count]) = mix(k, read);
          return Status();
        },
        cost_ns);
  }
  r.program = b.Finish();
  return r;
}

inline Ref<Value> ready_i64(Engine& engine, std::int64_t value) {
  Ref<Buffer> buffer = engine.Allocate(8).value();
  *static_cast<std::int64_t*>(buffer->data()) = value;
  return Value::Ready(std::move(buffer));
}
inline std::int64_t as_i64(const Value& value) { return *static_cast<std::int64_t*>(value.buffer()->data()); }
inline std::vector<Ref<Value>> pending_values(std::size_t n) {
  std::vector<Ref<Value>> values;
  for (std::size_t i = 0; i < n; ++i) values.push_back(Value::Pending());
  return values;
}

/// Counts blocks, fails on demand, and says at its end whether anything leaked.
class CheckingAllocator final : public Allocator {
 public:
  ~CheckingAllocator() override { EXPECT_EQ(live_.load(), 0) << "blocks leaked"; }
  void* Allocate(std::size_t bytes, std::size_t alignment) override {
    if (fail_at >= 0 && calls.fetch_add(1) >= fail_at) return nullptr;
    live_.fetch_add(1);
    total.fetch_add(1);
    return default_allocator()->Allocate(bytes, alignment);
  }
  void Free(void* block, std::size_t bytes, std::size_t alignment) noexcept override {
    live_.fetch_sub(1);
    default_allocator()->Free(block, bytes, alignment);
  }
  std::int64_t fail_at = -1;  // from this call on there is none
  std::atomic<std::int64_t> calls{0}, total{0};

 private:
  std::atomic<std::int64_t> live_{0};
};

}  // namespace leat::runtime
