#include "compiler/build_kernel.h"

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "compiler/passes/fusion_domain.h"
#include "ir/extents.h"

namespace leat::compiler {
namespace {

using ir::Family;
using ir::Kernel;
using ir::Op;
using Level = ir::Kernel::Level;

class KernelBuilder {
 public:
  explicit KernelBuilder(const ir::Graph& body) : body_(body) {}

  StatusOr<BuiltKernel> Build() {
    if (Status s = ChooseDomain(); !s.ok()) return s;
    for (const ir::Value& output : body_.outputs) {
      const Shape& shape = body_.type(output).shape;
      std::optional<IndexMap> map = domain_.Place(shape);
      if (!map) return NotAffine(output);
      StatusOr<std::uint16_t> value = Emit(output, *map);
      if (!value.ok()) return value.status();
      const LinearMap linear = linearize(*map, shape);
      output_values_.push_back(LevelOf(linear) == Level::element ? AsElement(*value, body_.type(output).dtype)
                                                                 : *value);
      output_access_.push_back(AddAccess(linear));
    }
    return Finish();
  }

 private:
  Status NotAffine(ir::Value v) const {
    return Status(Code::unimplemented,
                  absl::StrCat("fused body ", body_.name, ": ", std::string(name(body_.nodes[v.node].op)),
                               " ", body_.ToString(body_.type(v)), " is not affine in the domain"));
  }

  Status ChooseDomain() {
    for (const ir::Node& node : body_.nodes) {
      if (ir::op_info(node.op).family == Family::reduce) {
        domain_ = reduce_domain(body_.type(node.inputs[0]).shape, node.attrs().integers(ir::Attr::dims));
        return {};
      }
    }
    Shape refined = body_.type(body_.outputs[0]).shape;
    const std::int64_t elements = refined.num_elements();
    for (const ir::Value& output : body_.outputs) {
      if (std::optional<Shape> r = refine_shapes(refined, body_.type(output).shape)) refined = *r;
    }
    for (const ir::Node& node : body_.nodes) {
      const bool member = ir::op_info(node.op).elementwise() || node.op == Op::random_bits;
      if (!member || node.type().shape.num_elements() != elements || elements == 0) continue;
      if (std::optional<Shape> r = refine_shapes(refined, node.type().shape)) refined = *r;
    }
    domain_ = map_domain(refined);
    return {};
  }

  std::uint16_t AddAccess(const LinearMap& linear) {
    const auto [it, inserted] =
        access_ids_.try_emplace(linear, static_cast<std::uint16_t>(access_list_.size()));
    if (inserted) access_list_.push_back(linear);
    return it->second;
  }

  Level LevelOf(const LinearMap& linear) const {
    if (!domain_.has_reduction()) return Level::element;
    for (std::size_t j = static_cast<std::size_t>(domain_.parallel_rank); j < domain_.sizes.size(); ++j) {
      if (linear[j + 1] != 0 && domain_.sizes[j] != 1) return Level::element;
    }
    return Level::row;
  }

  // Values are numbered inputs first in the kernel, but found in any order: instruction k is kBody + k until
  // Finish().
  static constexpr std::uint16_t kBody = 0x8000;

  std::uint16_t AddInput(const Kernel::Input& input) {
    for (std::size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i] == input) return static_cast<std::uint16_t>(i);
    }
    inputs_.push_back(input);
    return static_cast<std::uint16_t>(inputs_.size() - 1);
  }

  std::uint16_t AddInstruction(Op op, DType dtype, std::initializer_list<std::uint16_t> operands) {
    Kernel::Instruction instruction;
    instruction.op = op;
    instruction.dtype = dtype;
    instruction.level = domain_.has_reduction() ? Level::row : Level::element;
    std::uint64_t faults = 0;
    for (std::uint16_t v : operands) {
      instruction.operands[instruction.operand_count++] = v;
      if (LevelOfValue(v) == Level::element) instruction.level = Level::element;
      if (v >= kBody) faults |= fault_mask_[v - kBody];
    }
    if (ir::op_info(op).family == Family::reduce) instruction.level = Level::row;
    instructions_.push_back(instruction);
    fault_mask_.push_back(faults);
    return static_cast<std::uint16_t>(kBody + instructions_.size() - 1);
  }

  // Reductions read elements, and whole outputs are elements, also where all elements of a row are the same.
  std::uint16_t AsElement(std::uint16_t v, DType dtype) {
    if (LevelOfValue(v) == Level::element) return v;
    const std::uint16_t element = AddInstruction(Op::convert, dtype, {v});
    instructions_.back().level = Level::element;
    return element;
  }

  Level LevelOfValue(std::uint16_t v) const {
    return v >= kBody ? instructions_[v - kBody].level : inputs_[v].level;
  }

  StatusOr<std::uint16_t> EmitMemory(std::uint32_t node, const IndexMap& map) {
    const auto parameter = static_cast<std::uint32_t>(
        std::find(body_.parameters.begin(), body_.parameters.end(), node) - body_.parameters.begin());
    const LinearMap linear = linearize(map, body_.nodes[node].type().shape);
    Kernel::Input input;
    input.kind = Kernel::Input::Kind::memory;
    input.dtype = body_.nodes[node].type().dtype;
    input.level = LevelOf(linear);
    const auto it = std::find(memory_inputs_.begin(), memory_inputs_.end(), parameter);
    input.slot = static_cast<std::uint16_t>(it - memory_inputs_.begin());
    if (it == memory_inputs_.end()) memory_inputs_.push_back(parameter);
    input.access = AddAccess(linear);
    return AddInput(input);
  }

  std::uint16_t EmitIndex(const LinearMap& linear) {
    Kernel::Input input;
    input.kind = Kernel::Input::Kind::index;
    input.dtype = DType::i64;
    input.level = LevelOf(linear);
    input.access = AddAccess(linear);
    return AddInput(input);
  }

  std::uint16_t EmitScalar(const ir::Literal& literal) {
    std::uint64_t bits = 0;
    std::memcpy(&bits, literal.bytes.get(), byte_size(literal.type.dtype));
    Kernel::Input input;
    input.kind = Kernel::Input::Kind::scalar;
    input.dtype = literal.type.dtype;
    input.lane_stride = Kernel::Stride::zero;
    input.level = domain_.has_reduction() ? Level::row : Level::element;
    for (std::size_t i = 0; i < scalars_.size(); ++i) {
      if (scalars_[i] == bits && scalar_types_[i] == input.dtype) {
        input.slot = static_cast<std::uint16_t>(i);
        return AddInput(input);
      }
    }
    input.slot = static_cast<std::uint16_t>(scalars_.size());
    scalars_.push_back(bits);
    scalar_types_.push_back(input.dtype);
    return AddInput(input);
  }

  StatusOr<std::uint16_t> Emit(ir::Value v, const IndexMap& map) {
    const auto key = std::make_pair(v.node, map);
    if (const auto it = emitted_.find(key); it != emitted_.end()) return it->second;
    StatusOr<std::uint16_t> value = EmitNew(v, map);
    if (value.ok()) emitted_.emplace(key, *value);
    return value;
  }

  StatusOr<std::uint16_t> EmitNew(ir::Value v, const IndexMap& map) {
    const ir::Node& node = body_.nodes[v.node];
    const ir::OpInfo& info = ir::op_info(node.op);
    const DType dtype = node.type().dtype;
    switch (node.op) {
      case Op::parameter: return EmitMemory(v.node, map);
      case Op::constant: return EmitScalar(node.attrs().literal(ir::Attr::value));
      case Op::iota: {
        const int axis = static_cast<int>(node.attrs().integer(ir::Attr::axis));
        LinearMap linear(static_cast<std::size_t>(map.domain_rank()) + 1, 0);
        linear[0] = map.offset(axis);
        for (int j = 0; j < map.domain_rank(); ++j)
          linear[static_cast<std::size_t>(j) + 1] = map.coefficient(axis, j);
        const std::uint16_t index = EmitIndex(linear);
        return dtype == DType::i64 ? index : AddInstruction(Op::convert, dtype, {index});
      }
      case Op::random_bits: {
        IndexMap element(1, map.domain_rank());
        StatusOr<std::uint16_t> seed = Emit(node.inputs[0], element);
        if (!seed.ok()) return seed;
        element.offset(0) = 1;
        StatusOr<std::uint16_t> offset = Emit(node.inputs[0], element);
        if (!offset.ok()) return offset;
        const std::uint16_t index = EmitIndex(linearize(map, node.type().shape));
        return AddInstruction(node.op, dtype, {*seed, *offset, index});
      }
      default: break;
    }
    if (info.family == Family::view) {
      std::optional<IndexMap> inner = map_operand(node, body_.type(node.inputs[0]).shape, map, domain_.sizes);
      if (!inner) return NotAffine(v);
      return Emit(node.inputs[0], *inner);
    }
    if (info.family == Family::reduce) {
      const std::optional<IndexMap> row = domain_.Place(node.type().shape);
      if (!row || !same_indices(*row, map, node.type().shape, domain_.sizes)) return NotAffine(v);
      StatusOr<std::uint16_t> operand = Emit(node.inputs[0], domain_.Full());
      if (!operand.ok()) return operand;
      if (LevelOfValue(*operand) ==
          Level::row) {  // a reduction reads elements, also where a row's are all the same
        operand = AddInstruction(Op::convert, body_.type(node.inputs[0]).dtype, {*operand});
        instructions_.back().level = Level::element;
      }
      return AddInstruction(node.op, dtype, {*operand});
    }
    if (!info.elementwise()) return NotAffine(v);
    std::uint16_t operands[3] = {0, 0, 0};
    for (std::size_t i = 0; i < node.inputs.size(); ++i) {
      StatusOr<std::uint16_t> operand = Emit(node.inputs[i], map);
      if (!operand.ok()) return operand;
      operands[i] = *operand;
    }
    std::uint16_t result = 0;
    switch (node.inputs.size()) {
      case 1: result = AddInstruction(node.op, dtype, {operands[0]}); break;
      case 2: result = AddInstruction(node.op, dtype, {operands[0], operands[1]}); break;
      default: result = AddInstruction(node.op, dtype, {operands[0], operands[1], operands[2]}); break;
    }
    if (info.is(ir::kFaults) && is_int(dtype) && fault_nodes_.size() < 64) {
      fault_mask_.back() |= std::uint64_t{1} << fault_nodes_.size();
      fault_nodes_.push_back(v.node);
      instructions_.back().fault = static_cast<std::uint16_t>(fault_nodes_.size());
    }
    return result;
  }

  // Drops dimensions of extent 1 and merges neighbours that every access walks as one.
  Status Collapse(std::vector<std::int64_t>* sizes, int* parallel_rank) {
    sizes->assign(domain_.sizes.begin(), domain_.sizes.end());
    *parallel_rank = domain_.parallel_rank;
    auto erase = [&](std::size_t j) {
      sizes->erase(sizes->begin() + static_cast<std::ptrdiff_t>(j));
      for (LinearMap& a : access_list_) a.erase(a.begin() + static_cast<std::ptrdiff_t>(j) + 1);
      if (j < static_cast<std::size_t>(*parallel_rank)) --*parallel_rank;
    };
    for (std::size_t j = sizes->size(); j-- > 0;) {
      if ((*sizes)[j] == 1) erase(j);
    }
    for (std::size_t j = sizes->size(); j-- > 1;) {
      if (j == static_cast<std::size_t>(*parallel_rank)) continue;
      const bool mergeable = std::all_of(access_list_.begin(), access_list_.end(),
                                         [&](const LinearMap& a) { return a[j] == a[j + 1] * (*sizes)[j]; });
      if (!mergeable) continue;
      (*sizes)[j - 1] *= (*sizes)[j];
      for (LinearMap& a : access_list_) a[j] = a[j + 1];
      erase(j);
    }
    auto insert_one = [&](std::size_t j) {
      sizes->insert(sizes->begin() + static_cast<std::ptrdiff_t>(j), 1);
      for (LinearMap& a : access_list_) a.insert(a.begin() + static_cast<std::ptrdiff_t>(j) + 1, 0);
    };
    if (*parallel_rank == 0) {
      insert_one(0);
      *parallel_rank = 1;
    }
    const std::size_t reduced_rank = sizes->size() - static_cast<std::size_t>(*parallel_rank);
    if (domain_.has_reduction() && reduced_rank == 0) insert_one(sizes->size());
    if (reduced_rank > 1) {
      return Status(Code::unimplemented,
                    absl::StrCat("fused body ", body_.name, ": reduced dimensions do not collapse"));
    }
    return {};
  }

  StatusOr<BuiltKernel> Finish() {
    BuiltKernel built;
    int parallel_rank = 0;
    if (Status s = Collapse(&built.sizes, &parallel_rank); !s.ok()) return s;
    Kernel& k = built.kernel;
    k.pattern = !domain_.has_reduction() ? Kernel::Pattern::map
                : domain_.minor_reduced  ? Kernel::Pattern::row_reduce
                                         : Kernel::Pattern::column_reduce;
    k.parallel_rank = static_cast<std::uint8_t>(parallel_rank);
    const std::size_t lane = k.pattern == Kernel::Pattern::row_reduce
                                 ? static_cast<std::size_t>(parallel_rank)
                                 : static_cast<std::size_t>(parallel_rank - 1);
    auto lane_stride = [&](std::uint16_t access) {
      const std::int64_t stride = built.sizes[lane] == 1 ? 1 : access_list_[access][lane + 1];
      return stride == 1 ? Kernel::Stride::one : stride == 0 ? Kernel::Stride::zero : Kernel::Stride::any;
    };
    // An access of a size-1 lane dimension is neither 0 nor 1 by nature; call it one, and make it so.
    if (built.sizes[lane] == 1) {
      for (LinearMap& a : access_list_) a[lane + 1] = 1;
    }
    k.inputs = inputs_;
    for (Kernel::Input& input : k.inputs) {
      if (input.kind == Kernel::Input::Kind::scalar) continue;
      if (k.pattern == Kernel::Pattern::row_reduce && input.level == Level::row) {
        input.lane_stride = Kernel::Stride::zero;
      } else {
        input.lane_stride = lane_stride(input.access);
      }
    }
    const auto count = static_cast<std::uint16_t>(inputs_.size());
    auto renumber = [&](std::uint16_t v) {
      return v >= kBody ? static_cast<std::uint16_t>(v - kBody + count) : v;
    };
    k.body = instructions_;
    for (Kernel::Instruction& instruction : k.body) {
      for (int i = 0; i < instruction.operand_count; ++i)
        instruction.operands[i] = renumber(instruction.operands[i]);
    }
    for (std::size_t i = 0; i < output_values_.size(); ++i) {
      Kernel::Output output;
      output.value = renumber(output_values_[i]);
      output.slot = static_cast<std::uint16_t>(memory_inputs_.size() + i);
      output.access = output_access_[i];
      const bool row = k.pattern == Kernel::Pattern::row_reduce && k.level(output.value) == Level::row;
      output.lane_stride = row ? Kernel::Stride::zero : lane_stride(output.access);
      k.outputs.push_back(output);
    }
    k.pointer_count = static_cast<std::uint16_t>(memory_inputs_.size() + output_values_.size());
    k.scalar_count = static_cast<std::uint16_t>(scalars_.size());
    k.access_count = static_cast<std::uint16_t>(access_list_.size());
    k.fault_count = static_cast<std::uint16_t>(fault_nodes_.size());
    for (const LinearMap& a : access_list_) built.accesses.insert(built.accesses.end(), a.begin(), a.end());
    built.scalars = scalars_;
    built.memory_inputs = memory_inputs_;
    for (std::size_t f = 0; f < fault_nodes_.size(); ++f) {
      BuiltKernel::FaultSite site{fault_nodes_[f], {}};
      for (std::size_t i = 0; i < output_values_.size(); ++i) {
        const std::uint16_t v = output_values_[i];
        if (v >= kBody && (fault_mask_[v - kBody] >> f & 1) != 0)
          site.outputs.push_back(static_cast<std::uint32_t>(i));
      }
      built.faults.push_back(std::move(site));
    }
    return built;
  }

  const ir::Graph& body_;
  FusionDomain domain_;
  std::vector<Kernel::Input> inputs_;
  std::vector<Kernel::Instruction> instructions_;
  std::vector<std::uint64_t> fault_mask_;  // per instruction, the fault sites that it depends on
  std::vector<std::uint32_t> fault_nodes_;
  std::vector<std::uint64_t> scalars_;
  std::vector<DType> scalar_types_;
  std::vector<std::uint32_t> memory_inputs_;
  std::vector<LinearMap> access_list_;
  absl::flat_hash_map<LinearMap, std::uint16_t> access_ids_;
  absl::flat_hash_map<std::pair<std::uint32_t, IndexMap>, std::uint16_t> emitted_;
  std::vector<std::uint16_t> output_values_;
  std::vector<std::uint16_t> output_access_;
};

}  // namespace

std::int64_t BuiltKernel::elements() const { return ir::product(sizes); }
std::int64_t BuiltKernel::parallel_elements() const { return ir::product(sizes, 0, kernel.parallel_rank); }

StatusOr<BuiltKernel> build_kernel(const ir::Graph& body) { return KernelBuilder(body).Build(); }

}  // namespace leat::compiler
