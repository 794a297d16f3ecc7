#include "ir/kernel.h"

#include <algorithm>
#include <array>
#include <concepts>
#include <string>
#include <string_view>
#include <vector>

namespace leat::ir {
namespace {

using Input = Kernel::Input;
using Instruction = Kernel::Instruction;
using Level = Kernel::Level;
using Output = Kernel::Output;
using Pattern = Kernel::Pattern;
using Stride = Kernel::Stride;

void append_part(std::string* out, std::string_view text) { *out += text; }
void append_part(std::string* out, std::integral auto number) { *out += std::to_string(number); }

template <class... Parts>
void append(std::string* out, const Parts&... parts) {
  (append_part(out, parts), ...);
}

template <class... Parts>
std::string join(const Parts&... parts) {
  std::string out;
  append(&out, parts...);
  return out;
}

constexpr std::string_view name(Pattern pattern) {
  constexpr std::array<std::string_view, 3> kNames = {"map", "row_reduce", "column_reduce"};
  return kNames[static_cast<std::size_t>(pattern)];
}
constexpr std::string_view name(Level level) { return level == Level::element ? "element" : "row"; }
constexpr std::string_view name(Stride stride) {
  constexpr std::array<std::string_view, 3> kNames = {"zero", "one", "any"};
  return kNames[static_cast<std::size_t>(stride)];
}

/// A row value of a row_reduce kernel is stored once per row: the lane dimension is the reduced one,
/// which the store ignores, so its lane stride is not structure.
bool lane_matters(const Kernel& kernel, Level level) {
  return kernel.pattern != Pattern::row_reduce || level == Level::element;
}

void print_input(const Kernel& kernel, const Input& input, std::string* out) {
  append(out, "input ", leat::name(input.dtype));
  switch (input.kind) {
    case Input::Kind::memory: append(out, " memory slot", input.slot, " access", input.access); break;
    case Input::Kind::index: append(out, " index access", input.access); break;
    case Input::Kind::scalar: append(out, " scalar", input.slot); break;
  }
  if (input.kind != Input::Kind::scalar && lane_matters(kernel, input.level)) {
    append(out, " lane=", name(input.lane_stride));
  }
  append(out, " ", name(input.level));
}

bool is_reduction(Op op) { return op_info(op).family == Family::reduce; }

/// The dtypes of one instruction against the op table; "" or a complaint.
std::string check_dtypes(const Kernel& kernel, const Instruction& instruction) {
  const OpInfo& info = op_info(instruction.op);
  const DType result = instruction.dtype;
  std::array<DType, 3> operand{};
  for (int i = 0; i < instruction.operand_count; ++i) operand[i] = kernel.dtype(instruction.operands[i]);
  const auto complain = [&](std::string_view wants) {
    std::string list;
    for (int i = 0; i < instruction.operand_count; ++i) append(&list, " ", leat::name(operand[i]));
    return join(info.name, " wants ", wants, ", has operands", list, " and result ", leat::name(result));
  };
  const auto same = [&](int from) {
    for (int i = from; i < instruction.operand_count; ++i) {
      if (operand[i] != operand[from]) return false;
    }
    return accepts(info.types, operand[from]);
  };
  if (instruction.op == Op::random_bits) {
    const bool good = operand[0] == DType::u64 && operand[1] == DType::u64 && operand[2] == DType::i64 &&
                      (result == DType::u32 || result == DType::u64);
    return good ? "" : complain("u64 u64 i64 and a u32 or u64 result");
  }
  switch (info.family) {
    case Family::unary:
    case Family::binary:
    case Family::ternary:
    case Family::reduce: return same(0) && result == operand[0] ? "" : complain(describe(info.types));
    case Family::compare:
    case Family::classify:
      return same(0) && result == DType::bool_ ? "" : complain("operands of one dtype and a bool result");
    case Family::select:
      return operand[0] == DType::bool_ && same(1) && result == operand[1]
                 ? ""
                 : complain("a bool and two operands of the result's dtype");
    case Family::convert:
      if (instruction.op == Op::bitcast && byte_size(operand[0]) != byte_size(result)) {
        return complain("dtypes of one width");
      }
      return "";
    default: return join(info.name, " cannot stand in a kernel");
  }
}

std::string check_instruction(const Kernel& kernel, std::size_t index) {
  const Instruction& instruction = kernel.body[index];
  const OpInfo& info = op_info(instruction.op);
  const bool reduction = is_reduction(instruction.op);
  if (!info.elementwise() && !reduction && instruction.op != Op::random_bits) {
    return join(info.name, " cannot stand in a kernel");
  }
  const int wanted = instruction.op == Op::random_bits ? 3 : operand_count(instruction.op);
  if (instruction.operand_count != wanted) {
    return join(info.name, " takes ", wanted, " operands, not ", instruction.operand_count);
  }
  for (int i = 0; i < wanted; ++i) {
    if (instruction.operands[i] >= kernel.inputs.size() + index) {
      return join("operand %", instruction.operands[i], " is used before it is computed");
    }
    if (!reduction && instruction.level == Level::row &&
        kernel.level(instruction.operands[i]) == Level::element) {
      return join("a row value depends on the element value %", instruction.operands[i]);
    }
  }
  if (reduction) {
    if (!kernel.has_reduced()) return join(info.name, " in a map kernel");
    if (instruction.level != Level::row || kernel.level(instruction.operands[0]) != Level::element) {
      return join(info.name, " takes an element value to a row value");
    }
  } else if (!kernel.has_reduced() && instruction.level == Level::row) {
    return "a row value in a map kernel";
  }
  const bool may_fault = info.is(kFaults) && !is_float(instruction.dtype);
  if (may_fault ? instruction.fault == 0 || instruction.fault > kernel.fault_count : instruction.fault != 0) {
    return join(info.name, " on ", leat::name(instruction.dtype), " with fault flag ", instruction.fault,
                " of ", kernel.fault_count);
  }
  return check_dtypes(kernel, instruction);
}

std::string check_input(const Kernel& kernel, const Input& input) {
  if (!kernel.has_reduced() && input.level == Level::row) return "a row value in a map kernel";
  switch (input.kind) {
    case Input::Kind::scalar:
      return input.slot < kernel.scalar_count ? "" : join("scalar ", input.slot, " of ", kernel.scalar_count);
    case Input::Kind::memory:
      if (input.slot >= kernel.pointer_count) {
        return join("slot ", input.slot, " of ", kernel.pointer_count);
      }
      break;
    case Input::Kind::index:
      if (input.dtype != DType::i64) return join("an index is i64, not ", leat::name(input.dtype));
      break;
  }
  if (input.access >= kernel.access_count) {
    return join("access ", input.access, " of ", kernel.access_count);
  }
  return "";
}

std::string check_output(const Kernel& kernel, const Output& output) {
  if (output.value >= kernel.value_count()) return join("%", output.value, " is never computed");
  if (output.slot >= kernel.pointer_count) {
    return join("slot ", output.slot, " of ", kernel.pointer_count);
  }
  for (const Input& input : kernel.inputs) {
    if (input.kind == Input::Kind::memory && input.slot >= output.slot) {
      return join("slot ", output.slot, " stands before an input's slot ", input.slot);
    }
  }
  if (output.access >= kernel.access_count) {
    return join("access ", output.access, " of ", kernel.access_count);
  }
  return "";
}

}  // namespace

std::string print(const Kernel& kernel) {
  std::string out = join("kernel ", name(kernel.pattern), " p", kernel.parallel_rank,
                         " pointers=", kernel.pointer_count, " scalars=", kernel.scalar_count,
                         " accesses=", kernel.access_count, " faults=", kernel.fault_count, " {\n");
  std::size_t number = 0;
  for (const Input& input : kernel.inputs) {
    append(&out, "  %", number++, " = ");
    print_input(kernel, input, &out);
    out += '\n';
  }
  for (const Instruction& instruction : kernel.body) {
    append(&out, "  %", number++, " = ", ir::name(instruction.op));
    for (int i = 0; i < instruction.operand_count; ++i) {
      append(&out, " %", instruction.operands[i]);
    }
    append(&out, " : ", leat::name(instruction.dtype), " ", name(instruction.level));
    if (instruction.fault != 0) append(&out, " fault", instruction.fault);
    out += '\n';
  }
  for (const Output& output : kernel.outputs) {
    append(&out, "  store %", output.value, " slot", output.slot, " access", output.access);
    if (output.value >= kernel.value_count() || lane_matters(kernel, kernel.level(output.value))) {
      append(&out, " lane=", name(output.lane_stride));
    }
    out += '\n';
  }
  return out + "}\n";
}

bool reads(const Kernel& kernel, std::size_t output, std::size_t input) {
  std::vector<bool> from(kernel.value_count(), false);
  for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
    from[i] = kernel.inputs[i].kind == Kernel::Input::Kind::memory && kernel.inputs[i].slot == input;
  }
  for (std::size_t k = 0; k < kernel.body.size(); ++k) {
    const Kernel::Instruction& instruction = kernel.body[k];
    for (int o = 0; o < instruction.operand_count; ++o) {
      if (from[instruction.operands[o]]) from[kernel.inputs.size() + k] = true;
    }
  }
  return std::any_of(kernel.outputs.begin(), kernel.outputs.end(), [&](const Kernel::Output& stored) {
    return stored.slot == output && from[stored.value];
  });
}

std::string check(const Kernel& kernel) {
  if (kernel.parallel_rank == 0) return "a kernel has at least one parallel dimension";
  if (kernel.inputs.size() + kernel.body.size() > 0xffff) return "more than 65535 values";
  for (std::size_t i = 0; i < kernel.inputs.size(); ++i) {
    const std::string complaint = check_input(kernel, kernel.inputs[i]);
    if (!complaint.empty()) return join("%", i, ": ", complaint);
  }
  for (std::size_t i = 0; i < kernel.body.size(); ++i) {
    const std::string complaint = check_instruction(kernel, i);
    if (!complaint.empty()) return join("%", kernel.inputs.size() + i, ": ", complaint);
  }
  for (std::size_t i = 0; i < kernel.outputs.size(); ++i) {
    const std::string complaint = check_output(kernel, kernel.outputs[i]);
    if (!complaint.empty()) return join("store ", i, ": ", complaint);
  }
  if (kernel.outputs.empty()) return "a kernel stores something";
  return "";
}

}  // namespace leat::ir
