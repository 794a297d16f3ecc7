#include "ir/graph.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "ir/inference.h"

namespace leat::ir {

Literal make_literal(Type type, const void* elements) {
  Literal literal{std::move(type), nullptr};
  const std::size_t n = literal.byte_count();
  std::shared_ptr<std::byte[]> bytes(new std::byte[std::max<std::size_t>(n, 8)]);
  if (n > 0) std::memcpy(bytes.get(), elements, n);
  literal.bytes = std::move(bytes);
  return literal;
}

Literal aligned(const Literal& literal) {
  if (is_aligned(literal.bytes.get(), literal.type.dtype)) return literal;
  return make_literal(literal.type, literal.bytes.get());
}

void Attributes::Set(Attr attr, AttrValue value) {
  for (auto& [name, old] : list_) {
    if (name == attr) {
      old = std::move(value);
      return;
    }
  }
  list_.emplace_back(attr, std::move(value));
}

const AttrValue* Attributes::Find(Attr attr) const {
  for (const auto& [name, value] : list_) {
    if (name == attr) return &value;
  }
  return nullptr;
}

bool Attributes::boolean(Attr attr) const {
  const AttrValue* v = Find(attr);
  return v != nullptr && std::get<bool>(*v);
}

std::int64_t Attributes::integer(Attr attr) const {
  const AttrValue* v = Find(attr);
  return v == nullptr ? 0 : std::get<std::int64_t>(*v);
}

double Attributes::real(Attr attr) const {
  const AttrValue* v = Find(attr);
  return v == nullptr ? 0.0 : std::get<double>(*v);
}

const std::vector<std::int64_t>& Attributes::integers(Attr attr) const {
  static const std::vector<std::int64_t> kEmpty;
  const AttrValue* v = Find(attr);
  return v == nullptr ? kEmpty : std::get<std::vector<std::int64_t>>(*v);
}

const std::string& Attributes::string(Attr attr) const {
  static const std::string kEmpty;
  const AttrValue* v = Find(attr);
  return v == nullptr ? kEmpty : std::get<std::string>(*v);
}

DType Attributes::dtype(Attr attr) const { return std::get<DType>(*Find(attr)); }
const Literal& Attributes::literal(Attr attr) const { return std::get<Literal>(*Find(attr)); }
const Graph& Attributes::graph(Attr attr) const {
  return *std::get<std::shared_ptr<const Graph>>(*Find(attr));
}

const Attributes& Node::attrs() const {
  static const Attributes kNone;
  return attributes ? *attributes : kNone;
}

Value Graph::AddParameter(std::string parameter_name, Type type, std::uint32_t location) {
  Node node;
  node.op = Op::parameter;
  node.location = location;
  node.results.push_back(std::move(type));
  const Value v = AddUnchecked(std::move(node));
  parameters.push_back(v.node);
  parameter_names.push_back(std::move(parameter_name));
  return v;
}

Value Graph::AddConstant(Literal literal, std::uint32_t location) {
  Node node;
  node.op = Op::constant;
  node.location = location;
  node.results.push_back(literal.type);
  node.attributes = std::make_shared<const Attributes>(Attributes{{Attr::value, std::move(literal)}});
  return AddUnchecked(std::move(node));
}

StatusOr<Value> Graph::Add(Op op, absl::InlinedVector<Value, 3> inputs, Attributes attributes,
                           std::vector<Type> result, std::uint32_t location) {
  absl::InlinedVector<Type, 4> operands;
  for (Value v : inputs) {
    if (v.node >= nodes.size() || v.result >= nodes[v.node].results.size()) {
      return Status(Code::invalid_argument,
                    absl::StrCat(std::string(ir::name(op)), ": operand %", v.node, "#", v.result,
                                 " is not a value of the graph [C50]"));
    }
    operands.push_back(type(v));
  }
  if (location >= locations.size()) {
    return Status(Code::invalid_argument, absl::StrCat(std::string(ir::name(op)), ": location ", location,
                                                       " is not in the graph's table [C53]"));
  }
  StatusOr<Types> types = infer(op, operands, attributes, result, symbols);
  if (!types.ok()) {
    return Status(types.status().code(), types.status().message(), locations[location].source);
  }
  Node node;
  node.op = op;
  node.location = location;
  node.inputs = std::move(inputs);
  node.results = *std::move(types);
  if (!attributes.empty()) node.attributes = std::make_shared<const Attributes>(std::move(attributes));
  return AddUnchecked(std::move(node));
}

Value Graph::AddUnchecked(Node node) {
  nodes.push_back(std::move(node));
  return {static_cast<std::uint32_t>(nodes.size() - 1), 0};
}

std::uint32_t Graph::AddLocation(NodeLocation location) {
  locations.push_back(std::move(location));
  return static_cast<std::uint32_t>(locations.size() - 1);
}

std::int64_t Graph::SymbolDim(std::string_view symbol_name, std::int64_t bound) {
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    if (symbols[i].name == symbol_name) return symbol_dim(static_cast<std::int64_t>(i));
  }
  symbols.push_back({std::string(symbol_name), bound});
  return symbol_dim(static_cast<std::int64_t>(symbols.size() - 1));
}

std::string Graph::ToString(const Type& type) const {
  std::string s(leat::name(type.dtype));
  s += '[';
  const char* separator = "";
  for (std::int64_t d : type.shape) {
    s += separator;
    separator = ",";
    if (d >= 0) {
      absl::StrAppend(&s, d);
    } else if (d == kUnknownDim || static_cast<std::size_t>(symbol_of(d)) >= symbols.size()) {
      s += '?';
    } else {
      const Symbol& symbol = symbols[static_cast<std::size_t>(symbol_of(d))];
      s += symbol.name;
      if (symbol.bound >= 0) absl::StrAppend(&s, "<=", symbol.bound);
    }
  }
  return s + ']';
}

std::vector<std::uint32_t> count_uses(const Graph& graph) {
  std::vector<std::uint32_t> uses(graph.nodes.size(), 0);
  for (const Node& node : graph.nodes) {
    for (Value v : node.inputs) ++uses[v.node];
  }
  for (Value v : graph.outputs) ++uses[v.node];
  return uses;
}

}  // namespace leat::ir
