#include "compiler/frontend/walk.h"

#include <cmath>

#include "compiler/frontend/attribute_words.h"

namespace leat::frontend {
namespace {

constexpr std::uint64_t kScalar = std::uint64_t{1} << 63;    // a slot that is a scalar
constexpr std::uint64_t kConstant = std::uint64_t{1} << 62;  // whose bits follow in the key

double number_of(std::uint64_t bits, DType dtype) {
  switch (dtype) {
    case DType::f64: return std::bit_cast<double>(bits);
    case DType::f32: return std::bit_cast<float>(static_cast<std::uint32_t>(bits));
    case DType::f16: return static_cast<float>(float16::FromBits(static_cast<std::uint16_t>(bits)));
    case DType::bf16: return static_cast<float>(bfloat16::FromBits(static_cast<std::uint16_t>(bits)));
    default: return 0;
  }
}

// Scalars that simplify_algebra removes are part of the structure; every other one is an argument, so that a
// new one never costs a plan or a run of LLVM.
bool is_structural(const Node& node, std::uint32_t slot, std::uint64_t bits) {
  const DType dtype = node.scalar_dtype;
  const bool real = is_float(dtype);
  const double v = real ? number_of(bits, dtype) : static_cast<double>(bits);
  switch (node.op) {
    case ir::Op::add: return v == 0 && std::signbit(v) == real;  // x + 0.0 makes +0 of -0: it stays
    case ir::Op::sub: return slot == 1 && v == 0 && !std::signbit(v);
    case ir::Op::mul: return v == 1;
    case ir::Op::div: return slot == 1 && v == 1;
    case ir::Op::select: return slot == 0;
    default: return false;
  }
}

// Ops whose result type does not follow from the operands.
bool is_declared(ir::Op op) {
  switch (op) {
    case ir::Op::iota:
    case ir::Op::reshape:
    case ir::Op::broadcast:
    case ir::Op::random_bits:
    case ir::Op::reorder: return true;
    default: return false;
  }
}

std::uint64_t header(KeyTag tag, const Node& node) {
  return static_cast<std::uint64_t>(tag) | static_cast<std::uint64_t>(node.op) << 8 |
         static_cast<std::uint64_t>(node.dtype) << 16 | static_cast<std::uint64_t>(node.scalar_dtype) << 24 |
         static_cast<std::uint64_t>(node.slot_count) << 32;
}

/// Where a leaf's value is, or will be as far as is known: what is elsewhere then moves as the run starts.
std::uint64_t device_of(const Node& leaf) {
  if (!has_value(leaf)) return 0;  // a placeholder
  const runtime::Value* const value =
      leaf.value != nullptr ? leaf.value.get() : leaf.slots[0].node->attributes->values[leaf.result].get();
  if (value->state() == runtime::Value::State::ready) return value->content().device();
  return static_cast<std::uint64_t>(std::max<int>(value->device_hint(), 0));
}

}  // namespace

bool has_value(const Node& node) {
  if (node.value != nullptr)
    return node.value->state() != runtime::Value::State::failed || node.kind == Kind::leaf;
  if (node.kind != Kind::projection || node.slot_count == 0) return false;
  const AttributeBlock* block = node.slots[0].node->attributes;
  return !block->values.empty() && block->values[node.result]->state() != runtime::Value::State::failed;
}

runtime::Ref<runtime::Value> value_of(const Node& node) {
  return node.value != nullptr ? node.value : node.slots[0].node->attributes->values[node.result];
}

void Walk::Clear() {
  // What one huge graph needed is not kept for the small ones that follow.
  if (order.capacity() > std::size_t{1} << 18) *this = Walk();
  order.clear();
  key.clear();
  inputs.clear();
  outputs.clear();
  effects_.clear();
  output_bytes = 0;
  traced = false;
  may_fault = false;
}

void Walk::EmitLeaf(Node* node) {
  key.push_back((header(KeyTag::leaf, *node) & 0xff00ffu) | device_of(*node) << 32);
  append_words(node->shape, key);
  inputs.push_back({node, 0, node->dtype});
}

void Walk::EmitOperation(Node* node) {
  if (node->kind == Kind::projection) {
    key.push_back(static_cast<std::uint64_t>(KeyTag::projection) |
                  static_cast<std::uint64_t>(node->result) << 8 |
                  static_cast<std::uint64_t>(node->slots[0].node->ordinal) << 32);
    return;
  }
  key.push_back(header(node->kind == Kind::tuple ? KeyTag::tuple : KeyTag::operation, *node));
  for (std::uint32_t i = 0; i < node->slot_count; ++i) {
    if (!node->is_scalar(i)) {
      key.push_back(node->slots[i].node->ordinal);
      continue;
    }
    const std::uint64_t bits = node->slots[i].bits;
    const DType dtype = node->op == ir::Op::select && i == 0 ? DType::bool_ : node->scalar_dtype;
    if (node->is_frozen(i) || is_structural(*node, i, bits)) {
      key.push_back(kScalar | kConstant);
      key.push_back(bits);
    } else {
      key.push_back(kScalar);
      inputs.push_back({nullptr, bits, dtype});
    }
  }
  if (is_declared(node->op)) append_words(node->shape, key);
  if (node->attributes != nullptr) {
    key.insert(key.end(), node->attributes->words.begin(), node->attributes->words.end());
  }
}

void Walk::Visit(Node* root, std::uint64_t mark, bool placeholders) {
  if (root->mark == mark) return;
  root->mark = mark;
  stack_.push_back({root, 0});
  while (!stack_.empty()) {
    Frame& frame = stack_.back();
    Node* const node = frame.node;
    // A value that is there, or on its way, is where the graph begins.
    const bool leaf =
        frame.next == 0 && ((has_value(*node) && node != scheduled_) || node->kind == Kind::placeholder);
    if (!leaf) {
      bool deeper = false;
      while (frame.next < node->slot_count) {
        const std::uint32_t i = frame.next++;
        if (node->is_scalar(i)) continue;
        Node* const operand = node->slots[i].node;
        if (operand->mark == mark) continue;
        operand->mark = mark;
        stack_.push_back({operand, 0});  // `frame` is dangling from here on
        deeper = true;
        break;
      }
      if (deeper) continue;
    }
    stack_.pop_back();
    node->ordinal = static_cast<std::uint32_t>(order.size());
    order.push_back(node);
    if (leaf) {
      if (node->kind == Kind::placeholder && !placeholders) traced = true;
      EmitLeaf(node);
      continue;
    }
    if (node->kind == Kind::tuple && ir::op_info(node->op).is(ir::kEffect)) effects_.push_back(node);
    constexpr std::uint8_t kMayFault = ir::kFaults | ir::kEffect;
    may_fault = may_fault || (ir::op_info(node->op).traits & kMayFault) != 0 || node->kind == Kind::tuple;
    EmitOperation(node);
  }
}

std::uint64_t Walk::CountEvaluations() {
  std::uint64_t recomputed = 0;
  for (Node* node : order) {
    if (node->kind == Kind::leaf || node->kind == Kind::placeholder || has_value(*node)) continue;
    if (node->evaluations > 0 && node->kind == Kind::operation) {
      recomputed += static_cast<std::uint64_t>(node->shape.num_elements()) * byte_size(node->dtype);
    }
    if (node->evaluations < 1u << 30) ++node->evaluations;
  }
  return recomputed;
}

namespace {

// Of many roots, those that come soon: first the node, then its operands, then their values.
void fetch_ahead(std::span<Node* const> roots, std::size_t at) {
  constexpr std::size_t kStep = 4;
  const auto fetch = [](const Node* node) {
    for (std::size_t line = 0; line < sizeof(Node); line += 64) {
      __builtin_prefetch(reinterpret_cast<const char*>(node) + line, 1);
    }
  };
  const auto each_operand = [&](std::size_t root, const auto& what) {
    const Node& node = *roots[root];
    for (std::uint32_t i = 0; i < node.slot_count; ++i) {
      if (!node.is_scalar(i)) what(*node.slots[i].node);
    }
  };
  if (at + 3 * kStep < roots.size()) fetch(roots[at + 3 * kStep]);
  if (at + 2 * kStep < roots.size()) each_operand(at + 2 * kStep, [&](const Node& node) { fetch(&node); });
  if (at + kStep < roots.size()) {
    each_operand(at + kStep, [](const Node& node) { __builtin_prefetch(node.value.get(), 1); });
  }
}

}  // namespace

void Walk::RunScheduled(Node* root, std::uint64_t mark) {
  scheduled_ = root;
  Run(std::span(&root, 1), mark);
  scheduled_ = nullptr;
}

void Walk::Run(std::span<Node* const> roots, std::uint64_t mark, bool placeholders) {
  for (std::size_t i = 0; i < roots.size(); ++i) {
    fetch_ahead(roots, i);
    Visit(roots[i], mark, placeholders);
  }
  for (Node* root : roots) outputs.push_back({root, 0});
  // An op with an effect runs once: all its results are kept.
  for (Node* tuple : effects_) {
    for (std::uint32_t r = 0; r < tuple->attributes->results.size(); ++r) outputs.push_back({tuple, r});
  }
  key.push_back(static_cast<std::uint64_t>(KeyTag::outputs) | static_cast<std::uint64_t>(outputs.size())
                                                                  << 8);
  for (const WalkOutput& o : outputs) {
    key.push_back(static_cast<std::uint64_t>(o.node->ordinal) << 32 | o.result);
    const ir::Type& t = o.node->kind == Kind::tuple ? o.node->attributes->results[o.result]
                                                    : ir::Type{o.node->dtype, o.node->shape};
    output_bytes += byte_size(t);
  }
}

namespace {

// Reads a key back.
class Reader {
 public:
  explicit Reader(std::span<const std::uint64_t> words) : words_(words) {}
  std::uint64_t Next() { return words_[at_++]; }
  void Skip(std::size_t count) { at_ += count; }

 private:
  std::span<const std::uint64_t> words_;
  std::size_t at_ = 0;
};

class Lowering {
 public:
  explicit Lowering(std::span<Node* const> order) : order_(order) { values_.reserve(order.size()); }

  ir::Graph Run(std::span<const std::uint64_t> key) {
    Reader reader(key);
    graph_.nodes.reserve(2 * order_.size());
    graph_.locations.reserve(order_.size() + 1);
    for (Node* node : order_) {
      location_ = graph_.AddLocation(
          {node->where,
           node->label != 0 ? name_of(node->label.load(std::memory_order_relaxed)) : std::string(),
           node->scope != 0 ? name_of(node->scope) : std::string()});
      const std::uint64_t word = reader.Next();
      switch (static_cast<KeyTag>(word & 0xff)) {
        case KeyTag::leaf:
          reader.Skip(reader.Next());
          values_.push_back(Parameter(node->type(), static_cast<runtime::DeviceId>(word >> 32)));
          break;
        case KeyTag::projection:
          values_.push_back({values_[word >> 32].node, static_cast<std::uint32_t>(word >> 8 & 0xffffff)});
          break;
        case KeyTag::operation:
        case KeyTag::tuple: Operation(*node, word, reader); break;
        case KeyTag::outputs: break;
      }
    }
    const std::uint64_t count = reader.Next() >> 8;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t word = reader.Next();
      ir::Value v = values_[word >> 32];
      if (order_[word >> 32]->kind == Kind::tuple) v.result = static_cast<std::uint32_t>(word);
      graph_.outputs.push_back(v);
    }
    return std::move(graph_);
  }

  std::vector<runtime::DeviceId> input_devices;

 private:
  ir::Value Parameter(ir::Type type, runtime::DeviceId device = 0) {
    input_devices.push_back(device);
    return graph_.AddParameter("p" + std::to_string(graph_.parameters.size()), std::move(type), location_);
  }
  ir::Value Broadcast(ir::Value v, const Shape& shape) {
    const ir::Type& type = graph_.type(v);
    std::vector<std::int64_t> dims;
    for (int d = shape.rank() - type.shape.rank(); d < shape.rank(); ++d) dims.push_back(d);
    ir::Node node;
    node.op = ir::Op::broadcast;
    node.location = location_;
    node.results.push_back({type.dtype, shape});
    node.inputs.push_back(v);
    node.attributes =
        std::make_shared<const ir::Attributes>(ir::Attributes{{ir::Attr::dims, std::move(dims)}});
    return graph_.AddUnchecked(std::move(node));
  }
  void Operation(const Node& node, std::uint64_t word, Reader& reader) {
    const auto slots = static_cast<std::uint32_t>(word >> 32);
    const ir::OpInfo& info = ir::op_info(node.op);
    ir::Node made;
    made.op = node.op;
    for (std::uint32_t i = 0; i < slots; ++i) {
      const std::uint64_t slot = reader.Next();
      ir::Value v;
      if ((slot & kScalar) == 0) {
        v = values_[slot];
      } else {
        const DType dtype = node.op == ir::Op::select && i == 0 ? DType::bool_ : node.scalar_dtype;
        if ((slot & kConstant) != 0) {
          const std::uint64_t bits = reader.Next();
          v = graph_.AddConstant(ir::make_literal({dtype, {}}, &bits), location_);
        } else {
          v = Parameter({dtype, {}});
        }
      }
      if (info.elementwise() && !(graph_.type(v).shape == node.shape)) v = Broadcast(v, node.shape);
      made.inputs.push_back(v);
    }
    if (is_declared(node.op)) reader.Skip(reader.Next());
    if (node.attributes != nullptr) {
      reader.Skip(node.attributes->words.size());
      // Shared by the nodes of one op: aliases the node's block, which the caller keeps for this call
      // only, hence the copy.
      if (!node.attributes->attributes.empty()) {
        made.attributes = std::make_shared<const ir::Attributes>(node.attributes->attributes);
      }
    }
    made.location = location_;
    if (node.kind == Kind::tuple) {
      made.results.assign(node.attributes->results.begin(), node.attributes->results.end());
    } else {
      made.results.push_back(node.type());
    }
    values_.push_back(graph_.AddUnchecked(std::move(made)));
  }

  std::span<Node* const> order_;
  std::vector<ir::Value> values_;
  ir::Graph graph_;
  std::uint32_t location_ = 0;
};

}  // namespace

ir::Graph lower(std::span<Node* const> order, std::span<const std::uint64_t> key,
                std::vector<runtime::DeviceId>* input_devices) {
  Lowering lowering(order);
  ir::Graph graph = lowering.Run(key);
  if (input_devices != nullptr) *input_devices = std::move(lowering.input_devices);
  return graph;
}

}  // namespace leat::frontend
