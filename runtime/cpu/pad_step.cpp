// pad, by the interpreter on independent slices: leading dimensions that are not padded are one outer
// dimension, and a unit is one index of it.
#include "ir/interpreter.h"
#include "ir/strided_copy.h"
#include "runtime/cpu/node_step.h"

namespace leat::runtime::cpu {
namespace {

/// All dimensions before `first` made one.
ir::Type merge_outer(const ir::Type& type, std::size_t first) {
  Shape shape{ir::product(type.shape.dims(), 0, first)};
  for (std::size_t d = first; d < type.shape.size(); ++d) shape.push_back(type.shape[d]);
  return {type.dtype, std::move(shape)};
}

class PadStep final : public NodeStep {
 public:
  using NodeStep::NodeStep;  // of the merged node

 private:
  Status Run(StepContext& context, std::int64_t begin, std::int64_t end) const override {
    ir::Node node = node_;
    std::vector<ir::Type> types = operand_types_;
    const auto slice = [&](ir::Type& type, std::byte* base) {
      const std::int64_t elements = type.shape.num_elements() / type.shape[0];
      type.shape[0] = end - begin;
      return base + begin * elements * static_cast<std::int64_t>(byte_size(type.dtype));
    };
    const void* inputs[] = {slice(types[0], static_cast<std::byte*>(context.pointers[0])),
                            context.pointers[1]};
    void* outputs[] = {slice(node.results[0], static_cast<std::byte*>(context.pointers[2]))};
    return ir::interpret_op(node, types, inputs, outputs);
  }
};

std::size_t count_plain_dimensions(const ir::Attributes& attrs, int rank) {
  std::size_t plain = 0;
  while (plain < static_cast<std::size_t>(rank) && attrs.integers(ir::Attr::low)[plain] == 0 &&
         attrs.integers(ir::Attr::high)[plain] == 0 && attrs.integers(ir::Attr::interior)[plain] == 0) {
    ++plain;
  }
  return plain;
}

}  // namespace

OpStep make_pad_step(const ir::Node& node, std::vector<ir::Type> operand_types) {
  const std::size_t outer = count_plain_dimensions(node.attrs(), operand_types[0].shape.rank());
  const std::int64_t units = ir::product(operand_types[0].shape.dims(), 0, outer);
  if (units == 1) return make_interpreted_step(node, std::move(operand_types));
  ir::Node merged = node;
  operand_types[0] = merge_outer(operand_types[0], outer);
  merged.results[0] = merge_outer(merged.results[0], outer);
  ir::Attributes attributes = node.attrs();
  for (ir::Attr attr : {ir::Attr::low, ir::Attr::high, ir::Attr::interior}) {
    const std::vector<std::int64_t>& old = node.attrs().integers(attr);
    std::vector<std::int64_t> values(old.begin() + static_cast<std::ptrdiff_t>(outer), old.end());
    values.insert(values.begin(), 0);
    attributes.Set(attr, std::move(values));
  }
  merged.attributes = std::make_shared<const ir::Attributes>(std::move(attributes));
  const std::int64_t elements =
      std::max(operand_types[0].shape.num_elements(), merged.results[0].shape.num_elements()) / units;
  const double unit_ns = 20 + 0.5 * static_cast<double>(elements);
  return split_step(std::make_shared<PadStep>(merged, std::move(operand_types)), units, unit_ns);
}

}  // namespace leat::runtime::cpu
