#include "compiler/passes/blocked_form.h"

#include <algorithm>
#include <cstring>

#include "ir/layout.h"

namespace leat::compiler {

using ir::Attr;
using ir::Op;
using ir::Value;
using Dims = std::vector<std::int64_t>;

namespace {

// The dimension of the broadcast's operand that becomes the channels, where it has more than one; -1 if none.
int channel_dim(const ir::Node& broadcast, const Shape& operand) {
  const Dims& dims = broadcast.attrs().integers(Attr::dims);
  for (std::size_t k = 0; k < dims.size(); ++k) {
    if (dims[k] == 1 && operand[k] != 1) return static_cast<int>(k);
  }
  return -1;
}

// One number for all, or one a channel (and image): not a picture for every channel, which would have to be
// read across its grain.
bool is_thin(const ir::Node& broadcast, const Shape& operand) {
  if (channel_dim(broadcast, operand) < 0) return true;
  const Dims& dims = broadcast.attrs().integers(Attr::dims);
  for (std::size_t k = 0; k < dims.size(); ++k) {
    if (dims[k] > 1 && operand[k] != 1) return false;
  }
  return true;
}

Dims extended(const Dims& dims, std::int64_t last) {
  Dims longer = dims;
  longer.push_back(last);
  return longer;
}

}  // namespace

BlockedForm::Role BlockedForm::RoleOf(const ir::Node& node, std::size_t operand) const {
  if (node.op == Op::pad && operand == 1) return Role::number;
  const Value v = node.inputs[operand];
  const ir::Node& producer = graph_.nodes[v.node];
  const bool repeated = ir::op_info(node.op).elementwise() && producer.op == Op::broadcast &&
                        is_thin(producer, graph_.type(producer.inputs[0]).shape);
  return repeated ? Role::repeated : Role::array;
}

bool BlockedForm::Possible(const ir::Node& node) const {
  if (node.results.size() != 1 || node.inputs.empty()) return false;
  const Shape& shape = node.type().shape;
  if (shape.rank() < 3 || shape.rank() > 5 || shape.num_elements() == 0) return false;
  const ir::Attributes& a = node.attrs();
  const auto keeps = [&](std::size_t d) {
    return a.integers(Attr::low)[d] == 0 && a.integers(Attr::high)[d] == 0;
  };
  switch (node.op) {
    case Op::reduce_window:
      for (std::size_t d = 0; d < 2; ++d) {
        if (!keeps(d) || a.integers(Attr::window)[d] != 1 || a.integers(Attr::strides)[d] != 1) return false;
      }
      break;
    case Op::pad:
      if (!keeps(0) || !keeps(1) || a.integers(Attr::interior)[0] != 0 ||
          a.integers(Attr::interior)[1] != 0) {
        return false;
      }
      break;
    case Op::concat:
      for (Value v : node.inputs) {
        if (a.integer(Attr::axis) == 1 && graph_.type(v).shape[1] % block_ != 0) return false;
      }
      break;
    case Op::slice: {
      const std::int64_t start = a.integers(Attr::starts)[1], limit = a.integers(Attr::limits)[1];
      if (a.integers(Attr::strides)[1] != 1 || start % block_ != 0 || limit % block_ != 0) return false;
      break;
    }
    default:
      if (!ir::op_info(node.op).elementwise()) return false;
  }
  return shape[1] % block_ == 0;
}

ir::Type BlockedForm::Blocked(const ir::Type& dense) const {
  return {dense.dtype, ir::Layout::Parse(LayoutOf(dense))->Blocked(dense.shape)};
}

std::string BlockedForm::LayoutOf(const ir::Type& dense) const {
  return ir::Layout::Name(dense.shape.rank(), 1, block_);
}

Value BlockedForm::Add(Rebuild& rebuild, const ir::Node& node, absl::InlinedVector<Value, 3> operands) const {
  ir::Attributes attributes = node.attrs();
  const auto extend = [&](Attr attr, std::int64_t last) {
    attributes.Set(attr, extended(node.attrs().integers(attr), last));
  };
  switch (node.op) {
    case Op::reduce_window:
      for (const Attr attr : {Attr::window, Attr::strides, Attr::dilation}) extend(attr, 1);
      for (const Attr attr : {Attr::low, Attr::high}) extend(attr, 0);
      break;
    case Op::pad:
      for (const Attr attr : {Attr::low, Attr::high, Attr::interior}) extend(attr, 0);
      break;
    case Op::slice: {
      Dims starts = extended(node.attrs().integers(Attr::starts), 0);
      Dims limits = extended(node.attrs().integers(Attr::limits), block_);
      starts[1] /= block_;
      limits[1] /= block_;
      attributes.Set(Attr::starts, std::move(starts));
      attributes.Set(Attr::limits, std::move(limits));
      extend(Attr::strides, 1);
      break;
    }
    default: break;
  }
  return rebuild.Add(node.op, std::move(operands), std::move(attributes), Blocked(node.type()),
                     node.location);
}

// The numbers of a constant, one a channel, as [c/block, w, block]: repeated along the minor-most of the
// spatial dimensions, so that a kernel runs over rows of w * block elements. Runs of one block cost as much
// again as what is done in them.
std::optional<ir::Literal> BlockedForm::RepeatedConstant(Rebuild& rebuild, const ir::Node& node,
                                                         Value operand) const {
  const ir::Graph& graph = rebuild.to();
  while (graph.nodes[operand.node].op == Op::reshape) operand = graph.nodes[operand.node].inputs[0];
  const std::int64_t channels = node.type().shape[1];
  const ir::Type& type = graph.type(operand);
  if (graph.nodes[operand.node].op != Op::constant || type.shape.num_elements() != channels)
    return std::nullopt;
  const std::int64_t width = node.type().shape.back(), blocks = channels / block_;
  const ir::Type repeated{type.dtype, {blocks, width, block_}};
  const std::size_t size = byte_size(type.dtype);
  const std::byte* from = graph.nodes[operand.node].attrs().literal(Attr::value).bytes.get();
  std::vector<std::byte> bytes(static_cast<std::size_t>(repeated.shape.num_elements()) * size);
  for (std::int64_t i = 0; i < blocks * width * block_; ++i) {
    const std::int64_t channel = i / (width * block_) * block_ + i % block_;
    std::memcpy(bytes.data() + static_cast<std::size_t>(i) * size,
                from + static_cast<std::size_t>(channel) * size, size);
  }
  return ir::make_literal(repeated, bytes.data());
}

Value BlockedForm::AddRepeated(Rebuild& rebuild, Value v, Value operand) const {
  const ir::Node& node = graph_.nodes[v.node];
  ir::Type type = rebuild.to().type(operand);
  Dims dims = node.attrs().integers(Attr::dims);
  const int k = channel_dim(node, type.shape);
  const std::optional<ir::Literal> constant = k < 0 ? std::nullopt : RepeatedConstant(rebuild, node, operand);
  if (constant) {
    operand = rebuild.to().AddConstant(*constant, node.location);
    const std::int64_t last = node.type().shape.rank();
    dims = {1, last - 1, last};
  } else if (k >= 0) {
    const bool last =
        std::all_of(type.shape.begin() + k + 1, type.shape.end(), [](std::int64_t d) { return d == 1; });
    const int rank = type.shape.rank();
    const std::string layout = ir::Layout::Name(rank, k, block_);
    type.shape = ir::Layout::Parse(layout)->Blocked(type.shape);
    operand =
        last ? rebuild.Add(Op::reshape, {operand}, {}, type, node.location)
             : rebuild.Add(Op::reorder, {operand}, {{Attr::layout, ir::name_reordering(rank, layout, false)}},
                           type, node.location);
    dims.push_back(node.type().shape.rank());
  }
  return rebuild.Add(Op::broadcast, {operand}, {{Attr::dims, std::move(dims)}}, Blocked(node.type()),
                     node.location);
}

}  // namespace leat::compiler
