// Kernels with arguments and buffers, for tests, and the slow way to run them: every value over the whole
// domain, one instruction at a time, through meaning::apply_elementwise and meaning::reduce.
//
//   KernelCase c;  ...;  KernelCase expected = c;  run_slowly(expected);  run_tiles(c.kernel, c.Launch(),
//   ...)
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

#include "ir/kernel.h"
#include "ir/meaning/apply.h"
#include "ir/meaning/philox.h"
#include "ir/meaning/reduction.h"

namespace leat::runtime {

struct KernelCase {
  ir::Kernel kernel;
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> accesses;
  std::vector<std::uint64_t> scalars;
  std::vector<std::uint32_t> faults;
  std::vector<std::vector<std::byte>> buffers;  // by slot
  std::vector<void*> pointers;

  ir::KernelLaunch Launch() {
    faults.assign(kernel.fault_count, 0);
    pointers.clear();
    for (auto& buffer : buffers) pointers.push_back(buffer.data());
    return {sizes.data(), accesses.data(), pointers.data(), scalars.data(), faults.data()};
  }
  std::int64_t parallel() const {
    std::int64_t n = 1;
    for (int d = 0; d < kernel.parallel_rank; ++d) n *= sizes[static_cast<std::size_t>(d)];
    return n;
  }
  std::int64_t reduced() const { return kernel.has_reduced() ? sizes.back() : 1; }
  /// Adds an access: its offset, then a stride per dimension of the domain.
  std::uint16_t Access(std::int64_t offset, const std::vector<std::int64_t>& strides) {
    accesses.push_back(offset);
    accesses.insert(accesses.end(), strides.begin(), strides.end());
    return kernel.access_count++;
  }
  /// Row-major strides over the domain; `row`: over its parallel dimensions. Columns lie above the reduced
  /// dimension's rows: [reduced][parallel].
  std::vector<std::int64_t> Dense(bool row) const {
    std::vector<std::int64_t> strides(sizes.size(), 0);
    std::int64_t stride = 1;
    const bool columns = kernel.pattern == ir::Kernel::Pattern::column_reduce;
    if (kernel.has_reduced() && !row && !columns) strides.back() = 1, stride = sizes.back();
    for (std::size_t d = kernel.parallel_rank; d-- > 0;) strides[d] = stride, stride *= sizes[d];
    if (kernel.has_reduced() && !row && columns) strides.back() = stride;
    return strides;
  }
  std::uint16_t AddInstruction(ir::Op op, DType dtype, ir::Kernel::Level level,
                               const std::vector<std::uint16_t>& operands) {
    ir::Kernel::Instruction i{op, dtype, level, static_cast<std::uint8_t>(operands.size()), {0, 0, 0}, 0};
    std::copy(operands.begin(), operands.end(), i.operands);
    if (ir::op_info(op).is(ir::kFaults) && !is_float(dtype)) i.fault = ++kernel.fault_count;
    kernel.body.push_back(i);
    return static_cast<std::uint16_t>(kernel.value_count() - 1);
  }
  std::uint16_t AddScalar(DType dtype, std::uint64_t bits, ir::Kernel::Level level) {
    scalars.push_back(bits);
    kernel.inputs.push_back({.kind = ir::Kernel::Input::Kind::scalar,
                             .dtype = dtype,
                             .level = level,
                             .slot = kernel.scalar_count++});
    return static_cast<std::uint16_t>(kernel.inputs.size() - 1);
  }
  /// A memory input in a buffer of its own. Inputs come before instructions and outputs.
  std::uint16_t AddInput(DType dtype, ir::Kernel::Level level, std::vector<std::byte> buffer,
                         std::int64_t offset, const std::vector<std::int64_t>& strides) {
    const std::int64_t lane = strides[kernel.pattern == ir::Kernel::Pattern::row_reduce
                                          ? strides.size() - 1
                                          : static_cast<std::size_t>(kernel.parallel_rank) - 1];
    buffers.push_back(std::move(buffer));
    kernel.inputs.push_back({.kind = ir::Kernel::Input::Kind::memory,
                             .dtype = dtype,
                             .lane_stride = StrideOf(lane),
                             .level = level,
                             .slot = kernel.pointer_count++,
                             .access = Access(offset, strides)});
    return static_cast<std::uint16_t>(kernel.inputs.size() - 1);
  }
  /// A dense output in a buffer of its own, filled with 0xcd.
  void AddOutput(std::uint16_t value) {
    const bool row = kernel.level(value) == ir::Kernel::Level::row;
    const std::int64_t count = parallel() * (row ? 1 : reduced());
    buffers.emplace_back(static_cast<std::size_t>(count) * byte_size(kernel.dtype(value)), std::byte{0xcd});
    kernel.outputs.push_back({.value = value,
                              .lane_stride = ir::Kernel::Stride::one,
                              .slot = kernel.pointer_count++,
                              .access = Access(0, Dense(row))});
  }
  static ir::Kernel::Stride StrideOf(std::int64_t stride) {
    return stride == 0   ? ir::Kernel::Stride::zero
           : stride == 1 ? ir::Kernel::Stride::one
                         : ir::Kernel::Stride::any;
  }
};

/// The offset of element (p, k) under an access.
inline std::int64_t offset_of(const KernelCase& c, std::uint16_t access, std::int64_t p, std::int64_t k) {
  const std::int64_t* numbers = c.accesses.data() + access * (1 + c.kernel.rank());
  std::int64_t at = numbers[0];
  if (c.kernel.has_reduced()) at += k * numbers[1 + c.kernel.parallel_rank];
  for (int d = c.kernel.parallel_rank - 1; d >= 0; --d) {
    at += p % c.sizes[static_cast<std::size_t>(d)] * numbers[1 + d];
    p /= c.sizes[static_cast<std::size_t>(d)];
  }
  return at;
}

template <class S>
void reduce_slowly(ir::Op op, meaning::ReductionOrder order, std::int64_t n, const std::byte* x,
                   std::byte* out) {
  const auto at = [&](std::int64_t i) { return reinterpret_cast<const S*>(x)[i]; };
  S* to = reinterpret_cast<S*>(out);
  switch (op) {
    case ir::Op::reduce_max: *to = meaning::reduce<ir::Op::reduce_max, S>(order, n, at); return;
    case ir::Op::reduce_min: *to = meaning::reduce<ir::Op::reduce_min, S>(order, n, at); return;
    default: break;
  }
  if constexpr (!std::is_same_v<S, bool>) {
    if (op == ir::Op::reduce_sum) *to = meaning::reduce<ir::Op::reduce_sum, S>(order, n, at);
    if (op == ir::Op::reduce_prod) *to = meaning::reduce<ir::Op::reduce_prod, S>(order, n, at);
  }
  if constexpr (std::is_integral_v<S>) {
    if (op == ir::Op::reduce_and) *to = meaning::reduce<ir::Op::reduce_and, S>(order, n, at);
    if (op == ir::Op::reduce_or) *to = meaning::reduce<ir::Op::reduce_or, S>(order, n, at);
  }
}

/// Runs the kernel over its whole domain into its buffers, and sets its faults.
inline void run_slowly(KernelCase& c) {
  const ir::Kernel& kernel = c.kernel;
  c.Launch();
  const std::int64_t parallel = c.parallel(), reduced = c.reduced(), count = parallel * reduced;
  std::vector<std::vector<std::byte>> values;  // dense [parallel][reduced], row values repeated
  for (const ir::Kernel::Input& input : kernel.inputs) {
    const std::size_t bytes = byte_size(input.dtype);
    std::vector<std::byte>& value = values.emplace_back(static_cast<std::size_t>(count) * bytes);
    for (std::int64_t i = 0; i < count; ++i) {
      std::byte* to = value.data() + static_cast<std::size_t>(i) * bytes;
      if (input.kind == ir::Kernel::Input::Kind::scalar) {
        std::memcpy(to, &c.scalars[input.slot], bytes);
        continue;
      }
      const bool row = input.level == ir::Kernel::Level::row;
      const std::int64_t at = offset_of(c, input.access, i / reduced, row ? 0 : i % reduced);
      if (input.kind == ir::Kernel::Input::Kind::index) {
        std::memcpy(to, &at, bytes);
      } else {
        std::memcpy(to, c.buffers[input.slot].data() + at * static_cast<std::int64_t>(bytes), bytes);
      }
    }
  }
  for (const ir::Kernel::Instruction& instruction : kernel.body) {
    const std::size_t bytes = byte_size(instruction.dtype);
    std::vector<std::byte> value(static_cast<std::size_t>(count) * bytes);
    const std::vector<std::byte>& first = values[instruction.operands[0]];
    if (ir::op_info(instruction.op).family == ir::Family::reduce) {
      const auto order = kernel.pattern == ir::Kernel::Pattern::row_reduce ? meaning::ReductionOrder::rows
                                                                           : meaning::ReductionOrder::columns;
      value.resize(static_cast<std::size_t>(parallel * std::max<std::int64_t>(reduced, 1)) * bytes);
      visit_dtype(instruction.dtype, [&]<class S>(S) {
        for (std::int64_t p = 0; p < parallel; ++p) {
          std::byte* row =
              value.data() + static_cast<std::size_t>(p * std::max<std::int64_t>(reduced, 1)) * bytes;
          reduce_slowly<S>(instruction.op, order, reduced,
                           first.data() + static_cast<std::size_t>(p * reduced) * bytes, row);
          for (std::int64_t k = 1; k < reduced; ++k) {
            std::memcpy(row + static_cast<std::size_t>(k) * bytes, row, bytes);
          }
        }
      });
    } else if (instruction.op == ir::Op::random_bits) {
      const auto word = [&](int operand, std::int64_t i) {
        return reinterpret_cast<const std::uint64_t*>(values[instruction.operands[operand]].data())[i];
      };
      for (std::int64_t i = 0; i < count; ++i) {
        if (bytes == 4) {
          reinterpret_cast<std::uint32_t*>(value.data())[i] =
              meaning::random_u32(word(2, i), word(0, i), word(1, i));
        } else {
          reinterpret_cast<std::uint64_t*>(value.data())[i] =
              meaning::random_u64(word(2, i), word(0, i), word(1, i));
        }
      }
    } else {
      const void* operands[3] = {};
      for (int k = 0; k < instruction.operand_count; ++k) {
        operands[k] = values[instruction.operands[k]].data();
      }
      bool fault = false;
      const DType operand = kernel.dtype(instruction.operands[instruction.operand_count - 1]);
      meaning::apply_elementwise(instruction.op, operand, instruction.dtype, operands, value.data(),
                                 static_cast<std::int64_t>(value.size() / bytes), &fault);
      if (fault && instruction.fault != 0) c.faults[instruction.fault - 1u] = 1;
    }
    values.push_back(std::move(value));
  }
  for (const ir::Kernel::Output& output : kernel.outputs) {
    const std::size_t bytes = byte_size(kernel.dtype(output.value));
    const bool row = kernel.level(output.value) == ir::Kernel::Level::row;
    for (std::int64_t p = 0; p < parallel; ++p) {
      for (std::int64_t k = 0; k < (row ? 1 : reduced); ++k) {
        const std::int64_t stretch = row ? std::max<std::int64_t>(reduced, 1) : reduced;
        const std::int64_t at = offset_of(c, output.access, p, row ? 0 : k);
        std::memcpy(c.buffers[output.slot].data() + at * static_cast<std::int64_t>(bytes),
                    values[output.value].data() + static_cast<std::size_t>(p * stretch + k) * bytes, bytes);
      }
    }
  }
}

/// Index of the first element in which the arrays differ, all NaNs being one value; -1 if they agree.
inline std::int64_t first_difference(DType dtype, const void* a, const void* b, std::int64_t count) {
  return visit_dtype(dtype, [&]<class S>(S) -> std::int64_t {
    const S *x = static_cast<const S*>(a), *y = static_cast<const S*>(b);
    for (std::int64_t i = 0; i < count; ++i) {
      if (std::memcmp(x + i, y + i, sizeof(S)) == 0) continue;
      if constexpr (!std::is_integral_v<S>) {
        const double p = static_cast<double>(static_cast<float>(x[i]));
        const double q = static_cast<double>(static_cast<float>(y[i]));
        if (p != p && q != q) continue;
      }
      return i;
    }
    return -1;
  });
}

}  // namespace leat::runtime
