// Runs ops that are not loop kernels on the emulated GPU, by their plans, and compares every result with the
// interpreter, bit for bit.
#pragma once

#include <gtest/gtest.h>

#include <map>

#include "compiler/codegen/cuda/kernel_ptx.h"
#include "ir/interpreter.h"
#include "runtime/cuda/op_plan.h"
#include "tests/cuda/emulated_case.h"

namespace leat::emulator {

using ir::Attr;
using ir::Attributes;
using ir::Type;
using Bytes = std::vector<std::byte>;

/// One op over given operands.
struct OpCase {
  ir::Graph graph;
  std::vector<Type> operands;
  std::vector<Bytes> inputs;

  OpCase(Op op, std::vector<Type> types, Attributes attributes, std::vector<Bytes> values = {})
      : operands(std::move(types)), inputs(std::move(values)) {
    absl::InlinedVector<ir::Value, 3> parameters;
    for (std::size_t i = 0; i < operands.size(); ++i)
      parameters.push_back(graph.AddParameter("p" + std::to_string(i), operands[i]));
    const StatusOr<ir::Value> added = graph.Add(op, parameters, std::move(attributes));
    EXPECT_TRUE(added.ok()) << added.status().ToString();
  }
  /// Null where inference refused it.
  const ir::Node* node() const {
    return graph.nodes.size() > operands.size() ? &graph.nodes.back() : nullptr;
  }
  /// Draws the operands that have no value yet.
  OpCase& Draw(Random& random, bool specials = true, ir::Domain domain = ir::Domain::all) {
    for (std::size_t i = inputs.size(); i < operands.size(); ++i)
      inputs.push_back(
          runtime::draw_array(operands[i].dtype, operands[i].shape.num_elements(), domain, specials, random));
    return *this;
  }
  std::string ToString() const {
    std::string text(ir::name(node()->op));
    for (const Type& type : operands) text += " " + graph.ToString(type);
    return text;
  }
};

/// Memory that begins as device memory does.
struct DeviceBytes {
  struct alignas(256) Line {
    std::byte bytes[256];
  };
  explicit DeviceBytes(std::size_t n) : size(n), lines(n / 256 + 1) {
    std::memset(lines.data(), 0xcd, lines.size() * 256);
  }
  std::byte* data() { return lines.data()->bytes; }
  std::size_t size;
  std::vector<Line> lines;
};

/// The code of a launch, compiled once.
inline EmulatedKernel* emulated(const runtime::cuda::OpKernel& kernel) {
  static auto* known = new std::map<std::string, std::unique_ptr<EmulatedKernel>>;
  std::unique_ptr<EmulatedKernel>& slot = (*known)[runtime::cuda::print(kernel)];
  if (slot != nullptr) return slot.get();
  const auto text = compiler::codegen::kernel_gpu_llvm_text(kernel, "sm_90");
  EXPECT_TRUE(text.ok()) << text.status().ToString() << "\n" << runtime::cuda::print(kernel);
  if (!text.ok()) return nullptr;
  auto loaded = EmulatedKernel::Load(*text);
  EXPECT_TRUE(loaded.ok()) << loaded.status().ToString() << "\n" << *text;
  if (loaded.ok()) slot = *std::move(loaded);
  return slot.get();
}

/// Runs the launches of `plan` over `uses`. Whether the fault flag was set.
inline bool run_plan(const runtime::cuda::OpPlan& plan, std::vector<DeviceBytes>& uses,
                     const std::string& what) {
  DeviceBytes scratch(static_cast<std::size_t>(plan.scratch_bytes));
  alignas(16) std::uint32_t fault = 0;
  std::vector<void*> addresses;
  std::vector<Region> memory = {{&fault, sizeof fault, "fault"}};
  for (std::size_t k = 0; k < uses.size(); ++k) {
    addresses.push_back(uses[k].data());
    memory.push_back({uses[k].data(), uses[k].size, "use " + std::to_string(k)});
  }
  memory.push_back({scratch.data(), scratch.size, "scratch"});
  for (const runtime::cuda::OpLaunch& launch : plan.launches) {
    EmulatedKernel* const kernel = emulated(launch.kernel);
    if (kernel == nullptr) return false;
    const std::string complaint = kernel->Run(
        launch.geometry, runtime::cuda::pack_parameters(launch, &fault, addresses, scratch.data()), memory);
    EXPECT_EQ(complaint, "") << what << "\n"
                             << runtime::cuda::print(launch.kernel) << ": " << launch.geometry.blocks
                             << " blocks of " << launch.geometry.threads;
  }
  return fault != 0;
}

inline void expect_emulated(const OpCase& c, const runtime::cuda::GpuDescription& gpu = small_gpu()) {
  ASSERT_NE(c.node(), nullptr);
  std::vector<DeviceBytes> uses;
  std::vector<const void*> in;
  for (std::size_t i = 0; i < c.inputs.size(); ++i) {
    uses.emplace_back(c.inputs[i].size());
    if (!c.inputs[i].empty()) std::memcpy(uses.back().data(), c.inputs[i].data(), c.inputs[i].size());
  }
  for (DeviceBytes& bytes : uses) in.push_back(bytes.data());
  std::vector<DeviceBytes> expected;
  std::vector<void*> out;
  for (const Type& type : c.node()->results) {
    const std::size_t bytes = static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype);
    expected.emplace_back(bytes);
    uses.emplace_back(bytes);
  }
  for (DeviceBytes& bytes : expected) out.push_back(bytes.data());
  for (std::size_t i = 0; i < in.size(); ++i) in[i] = uses[i].data();
  const Status want = ir::interpret_op(*c.node(), c.operands, in, out);
  const auto plan = runtime::cuda::plan_op(*c.node(), c.operands, gpu);
  ASSERT_TRUE(plan.ok()) << plan.status().ToString();
  const bool fault = run_plan(*plan, uses, c.ToString());
  EXPECT_EQ(fault, !want.ok()) << c.ToString() << ": " << want.ToString();
  if (!want.ok()) {
    EXPECT_TRUE(plan->faults);
    return;
  }
  for (std::size_t r = 0; r < expected.size(); ++r) {
    const Type& type = c.node()->results[r];
    EXPECT_EQ(runtime::first_difference(type.dtype, expected[r].data(), uses[c.inputs.size() + r].data(),
                                        type.shape.num_elements()),
              -1)
        << c.ToString() << " result " << r;
  }
}

/// Indices in [low, high), of any integer dtype.
inline Bytes draw_indices(DType dtype, std::int64_t count, std::int64_t low, std::int64_t high,
                          Random& random) {
  Bytes bytes(static_cast<std::size_t>(count) * byte_size(dtype));
  visit_dtype(dtype, [&]<class S>(S) {
    if constexpr (std::is_integral_v<S>) {
      for (std::int64_t i = 0; i < count; ++i) {
        const auto span = static_cast<std::uint64_t>(high - low);
        const S x = static_cast<S>(low + static_cast<std::int64_t>(random() % span));
        std::memcpy(bytes.data() + static_cast<std::size_t>(i) * sizeof(S), &x, sizeof(S));
      }
    }
  });
  return bytes;
}

}  // namespace leat::emulator
