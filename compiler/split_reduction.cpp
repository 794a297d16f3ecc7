#include "compiler/split_reduction.h"

#include <algorithm>

#include "compiler/cost_model.h"

namespace leat::compiler {
namespace {

using ir::Kernel;
using Level = ir::Kernel::Level;

// Splitting costs a step or two more and a trip through memory; below this the kernel is done sooner alone.
constexpr double kWorthNs = 100e3;

DType accumulator_of(DType t) { return t == DType::f16 || t == DType::bf16 ? DType::f32 : t; }

bool is_reduce(const Kernel::Instruction& i) { return ir::op_info(i.op).family == ir::Family::reduce; }

class Splitter {
 public:
  Splitter(const BuiltKernel& built, std::int64_t chunk)
      : built_(built), kernel_(built.kernel), chunk_(chunk) {}

  std::optional<SplitReduction> Split() {
    Classify();
    if (!possible_) return std::nullopt;
    const std::int64_t n = built_.sizes.back();
    const std::int64_t full = n / chunk_, rest = n % chunk_;
    split_.chunks = full + (rest > 0 ? 1 : 0);
    if (full > 0) split_.full = ChunkKernel(0, full, chunk_);
    if (rest > 0) split_.last = ChunkKernel(full, 1, rest);
    MakeFinish();
    return std::move(split_);
  }

 private:
  void Classify() {
    const std::size_t inputs = kernel_.inputs.size();
    depends_.assign(kernel_.value_count(), false);
    for (std::size_t k = 0; k < kernel_.body.size(); ++k) {
      const Kernel::Instruction& i = kernel_.body[k];
      bool depends = is_reduce(i);
      for (int o = 0; o < i.operand_count; ++o) {
        if (!depends_[i.operands[o]]) continue;
        depends = true;
        if (is_reduce(i) || i.level == Level::element) possible_ = false;
      }
      depends_[inputs + k] = depends;
      if (is_reduce(i)) {
        split_.partials.push_back(
            {i.op, i.dtype, accumulator_of(i.dtype), static_cast<std::uint16_t>(inputs + k)});
      }
    }
    if (kernel_.fault_count > 0) possible_ = false;
    for (std::uint32_t o = 0; o < kernel_.outputs.size(); ++o) {
      const std::uint16_t v = kernel_.outputs[o].value;
      if (kernel_.level(v) == Level::element) {
        split_.element_outputs.push_back(o);
      } else if (const int p = PartialOf(v); p >= 0) {
        split_.direct_outputs.emplace_back(o, static_cast<std::uint32_t>(p));
      } else {
        split_.finish_outputs.push_back(o);
      }
    }
  }

  int PartialOf(std::uint16_t value) const {
    for (std::size_t p = 0; p < split_.partials.size(); ++p) {
      if (split_.partials[p].value == value) return static_cast<int>(p);
    }
    return -1;
  }

  // Chunks [first, first + count) of `length` reduced elements each: the domain is [count, parallel...,
  // length].
  BuiltKernel ChunkKernel(std::int64_t first, std::int64_t count, std::int64_t length) {
    const std::size_t rank = built_.sizes.size();
    BuiltKernel out;
    out.sizes = built_.sizes;
    out.sizes.back() = length;
    out.sizes.insert(out.sizes.begin(), count);
    Kernel& k = out.kernel;
    k.pattern = kernel_.pattern;
    k.parallel_rank = static_cast<std::uint8_t>(kernel_.parallel_rank + 1);
    k.inputs = kernel_.inputs;
    k.scalar_count = kernel_.scalar_count;
    out.scalars = built_.scalars;
    out.memory_inputs = built_.memory_inputs;
    for (std::size_t a = 0; a < kernel_.access_count; ++a) {
      const std::int64_t* from = &built_.accesses[a * (rank + 1)];
      const std::int64_t step = from[rank];
      out.accesses.push_back(from[0] + first * chunk_ * step);
      out.accesses.push_back(chunk_ * step);
      out.accesses.insert(out.accesses.end(), from + 1, from + rank + 1);
    }
    std::uint16_t accesses = kernel_.access_count;
    // Everything that does not depend on a reduction, and the reductions in their accumulator's dtype.
    std::vector<std::uint16_t> renumber(kernel_.value_count());
    for (std::uint16_t v = 0; v < kernel_.inputs.size(); ++v) renumber[v] = v;
    auto add = [&](Kernel::Instruction i) {
      k.body.push_back(i);
      return static_cast<std::uint16_t>(k.inputs.size() + k.body.size() - 1);
    };
    std::vector<std::uint16_t> partial_values;
    for (std::size_t b = 0; b < kernel_.body.size(); ++b) {
      Kernel::Instruction i = kernel_.body[b];
      const auto value = static_cast<std::uint16_t>(kernel_.inputs.size() + b);
      if (depends_[value] && !is_reduce(i)) continue;
      for (int o = 0; o < i.operand_count; ++o) i.operands[o] = renumber[i.operands[o]];
      if (is_reduce(i)) {
        const DType accumulator = accumulator_of(i.dtype);
        if (accumulator != i.dtype) {
          Kernel::Instruction convert;
          convert.op = ir::Op::convert;
          convert.dtype = accumulator;
          convert.operand_count = 1;
          convert.operands[0] = i.operands[0];
          i.operands[0] = add(convert);
          i.dtype = accumulator;
        }
        partial_values.push_back(add(i));
      } else {
        renumber[value] = add(i);
      }
    }
    const auto memory = static_cast<std::uint16_t>(built_.memory_inputs.size());
    for (std::uint32_t o : split_.element_outputs) {
      Kernel::Output output = kernel_.outputs[o];
      output.value = renumber[output.value];
      output.slot = static_cast<std::uint16_t>(memory + k.outputs.size());
      k.outputs.push_back(output);
    }
    // Partials are [chunks, rows]: row-major over the parallel dimensions behind the chunk.
    std::vector<std::int64_t> access(rank + 2, 0);
    std::int64_t stride = 1;
    for (std::size_t d = kernel_.parallel_rank; d-- > 0;) {
      access[2 + d] = stride;
      stride *= built_.sizes[d];
    }
    access[0] = first * stride;
    access[1] = stride;
    out.accesses.insert(out.accesses.end(), access.begin(), access.end());
    for (std::uint16_t v : partial_values) {
      Kernel::Output output;
      output.value = v;
      output.lane_stride =
          k.pattern == Kernel::Pattern::row_reduce ? Kernel::Stride::zero : Kernel::Stride::one;
      output.slot = static_cast<std::uint16_t>(memory + k.outputs.size());
      output.access = accesses;
      k.outputs.push_back(output);
    }
    k.access_count = static_cast<std::uint16_t>(accesses + 1);
    k.pointer_count = static_cast<std::uint16_t>(memory + k.outputs.size());
    return out;
  }

  // Row values that remain: a map over the parallel dimensions, reading the reduced values.
  void MakeFinish() {
    if (split_.finish_outputs.empty()) return;
    const std::size_t rank = built_.sizes.size();
    BuiltKernel out;
    Kernel& k = out.kernel;
    k.pattern = Kernel::Pattern::map;
    k.parallel_rank = kernel_.parallel_rank;
    out.sizes.assign(built_.sizes.begin(), built_.sizes.end() - 1);
    out.scalars = built_.scalars;
    out.memory_inputs = built_.memory_inputs;
    k.scalar_count = kernel_.scalar_count;
    for (std::size_t a = 0; a < kernel_.access_count; ++a) {
      const std::int64_t* from = &built_.accesses[a * (rank + 1)];
      out.accesses.insert(out.accesses.end(), from, from + rank);
    }
    const std::size_t lane = static_cast<std::size_t>(k.parallel_rank);
    auto stride_of = [&](std::uint16_t access) {
      const std::int64_t s = out.accesses[access * rank + lane];
      return s == 1 ? Kernel::Stride::one : s == 0 ? Kernel::Stride::zero : Kernel::Stride::any;
    };
    // The reduced values are dense over the parallel dimensions: one more access.
    const std::uint16_t dense = kernel_.access_count;
    std::vector<std::int64_t> access(rank, 0);
    std::int64_t stride = 1;
    for (std::size_t d = kernel_.parallel_rank; d-- > 0;) {
      access[1 + d] = stride;
      stride *= built_.sizes[d];
    }
    out.accesses.insert(out.accesses.end(), access.begin(), access.end());
    std::vector<std::uint16_t> renumber(kernel_.value_count(), 0);
    for (std::uint16_t v = 0; v < kernel_.inputs.size(); ++v) {
      renumber[v] = v;
      Kernel::Input input = kernel_.inputs[v];
      input.level = Level::element;
      if (input.kind != Kernel::Input::Kind::scalar) input.lane_stride = stride_of(input.access);
      k.inputs.push_back(input);
    }
    for (std::size_t p = 0; p < split_.partials.size(); ++p) {
      Kernel::Input input;
      input.dtype = split_.partials[p].dtype;
      input.lane_stride = stride_of(dense);
      input.slot = static_cast<std::uint16_t>(built_.memory_inputs.size() + p);
      input.access = dense;
      renumber[split_.partials[p].value] = static_cast<std::uint16_t>(k.inputs.size());
      k.inputs.push_back(input);
    }
    for (std::size_t b = 0; b < kernel_.body.size(); ++b) {
      Kernel::Instruction i = kernel_.body[b];
      if (is_reduce(i) || i.level == Level::element) continue;
      for (int o = 0; o < i.operand_count; ++o) i.operands[o] = renumber[i.operands[o]];
      i.level = Level::element;
      k.body.push_back(i);
      renumber[kernel_.inputs.size() + b] = static_cast<std::uint16_t>(k.inputs.size() + k.body.size() - 1);
    }
    const auto memory = static_cast<std::uint16_t>(built_.memory_inputs.size() + split_.partials.size());
    for (std::uint32_t o : split_.finish_outputs) {
      Kernel::Output output = kernel_.outputs[o];
      output.value = renumber[output.value];
      output.lane_stride = stride_of(output.access);
      output.slot = static_cast<std::uint16_t>(memory + k.outputs.size());
      k.outputs.push_back(output);
    }
    k.access_count = static_cast<std::uint16_t>(kernel_.access_count + 1);
    k.pointer_count = static_cast<std::uint16_t>(memory + k.outputs.size());
    split_.finish = std::move(out);
  }

  const BuiltKernel& built_;
  const Kernel& kernel_;
  const std::int64_t chunk_;
  SplitReduction split_;
  std::vector<bool> depends_;  // on a reduced value (or is one)
  bool possible_ = true;
};

}  // namespace

std::optional<SplitReduction> split_reduction(const BuiltKernel& built, int workers) {
  const Kernel::Pattern pattern = built.kernel.pattern;
  if (workers <= 1 || pattern == Kernel::Pattern::map) return std::nullopt;
  // Rows of a column reduction share vectors: a task wants at least a cache line or two of them.
  const std::int64_t rows = built.parallel_elements();
  const std::int64_t tasks = pattern == Kernel::Pattern::row_reduce ? rows : rows / 64;
  if (tasks >= 4 * workers || estimate_kernel(built).total() < kWorthNs) return std::nullopt;
  const std::int64_t n = built.sizes.back();
  std::int64_t chunk = pattern == Kernel::Pattern::row_reduce ? 4096 : 64;
  while (chunk * rows < 32768 || n / chunk > 256) chunk *= 2;
  if (chunk >= n) return std::nullopt;
  return Splitter(built, chunk).Split();
}

}  // namespace leat::compiler
