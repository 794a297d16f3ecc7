// The graph: what is computed, as ops in topological order.
//
// A Graph owns its nodes; a Value names one result of one node. Nodes only refer to earlier ones, so
// the vector order is a topological order and no cycle can be written. Types are full (dtype and
// shape); a dimension may be a symbol of this graph. A built graph is treated as immutable: passes
// build a new one. Not thread-safe while it is being built; any thread may read it afterwards.
//
//   Graph g("f");
//   Value x = g.AddParameter("x", {DType::f32, {8}});
//   Value y = *g.Add(Op::exp, {x});           // inference checks the operands; Status on error
//   g.outputs = {y};
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "absl/container/inlined_vector.h"
#include "ir/ops.h"
#include "leat/dtype.h"
#include "leat/shape.h"
#include "leat/status.h"

namespace leat::ir {

class Graph;

struct Type {
  DType dtype = DType::f32;
  Shape shape;
  friend bool operator==(const Type&, const Type&) = default;
};
/// REQUIRES: the shape is static.
inline std::int64_t byte_size(const Type& type) {
  return type.shape.num_elements() * static_cast<std::int64_t>(byte_size(type.dtype));
}

/// Elements of a constant, row-major, dense, shared. Those of make_literal are aligned for any dtype; what a
/// file holds may be at any address.
struct Literal {
  Type type;
  std::shared_ptr<const std::byte[]> bytes;
  /// The first element. REQUIRES: there is one, and the dtype is T's.
  template <class T>
  T first() const {
    T value;
    std::memcpy(&value, bytes.get(), sizeof value);
    return value;
  }
  std::size_t byte_count() const {
    return static_cast<std::size_t>(type.shape.num_elements()) * byte_size(type.dtype);
  }
};
Literal make_literal(Type type, const void* elements);
/// Whether elements of that type may be read there as what they are.
inline bool is_aligned(const void* address, DType dtype) {
  return reinterpret_cast<std::uintptr_t>(address) % byte_size(dtype) == 0;
}
/// The literal, or where it is unaligned a copy that is not.
Literal aligned(const Literal& literal);
template <class T>
Literal make_scalar(T value) {
  return make_literal({dtype_of<T>(), {}}, &value);
}

struct Value {
  std::uint32_t node = 0;
  std::uint32_t result = 0;
  friend bool operator==(const Value&, const Value&) = default;
};

using AttrValue = std::variant<bool, std::int64_t, double, std::vector<std::int64_t>, std::string, DType,
                               Literal, std::shared_ptr<const Graph>>;

/// The attributes of one node, in table order; absent optional ones are not stored.
class Attributes {
 public:
  Attributes() = default;
  Attributes(std::initializer_list<std::pair<Attr, AttrValue>> list) : list_(list) {}
  void Set(Attr attr, AttrValue value);
  bool empty() const { return list_.empty(); }
  const AttrValue* Find(Attr attr) const;
  const std::vector<std::pair<Attr, AttrValue>>& list() const { return list_; }
  // The value of an attribute that inference has checked to be there; an absent optional one reads
  // as false, 0 or empty.
  bool boolean(Attr attr) const;
  std::int64_t integer(Attr attr) const;
  double real(Attr attr) const;
  const std::vector<std::int64_t>& integers(Attr attr) const;
  const std::string& string(Attr attr) const;
  DType dtype(Attr attr) const;
  const Literal& literal(Attr attr) const;
  const Graph& graph(Attr attr) const;

 private:
  std::vector<std::pair<Attr, AttrValue>> list_;
};

struct Node {
  Op op = Op::parameter;
  std::uint32_t location = 0;  // into Graph::locations; 0 is unknown
  absl::InlinedVector<Value, 3> inputs;
  absl::InlinedVector<Type, 1> results;
  std::shared_ptr<const Attributes> attributes;  // null when there are none
  const Attributes& attrs() const;
  const Type& type() const { return results[0]; }
};
inline bool is_view(const Node& node) { return op_info(node.op).family == Family::view; }

struct Symbol {
  std::string name;         // "n"
  std::int64_t bound = -1;  // the largest extent, or -1 if unbounded
};

/// A copy of the file name that outlives the program, one for each distinct name: for locations that are
/// read from text or files. Any thread. At most 64 MiB of names are kept; beyond that, "<many files>".
const char* intern_file(std::string_view file);

/// Where a node was written, the user's label for it, and the scopes around it ("encoder/layer0").
struct NodeLocation {
  SourceLocation source;
  std::string label;
  std::string scope;
};

class Graph {
 public:
  explicit Graph(std::string name = "main") : name(std::move(name)) { locations.emplace_back(); }

  std::string name;
  std::vector<Node> nodes;
  std::vector<std::uint32_t> parameters;     // node ids, in order
  std::vector<std::string> parameter_names;  // without '%'
  std::vector<Value> outputs;
  std::vector<Symbol> symbols;
  std::vector<NodeLocation> locations;

  const Type& type(Value v) const { return nodes[v.node].results[v.result]; }
  Value AddParameter(std::string parameter_name, Type type, std::uint32_t location = 0);
  Value AddConstant(Literal literal, std::uint32_t location = 0);
  /// Appends a node after inference has checked operands and attributes. `result` gives the result
  /// type of ops whose operands do not determine it (iota, reshape, broadcast, random_bits,
  /// custom_call, fused, reorder).
  StatusOr<Value> Add(Op op, absl::InlinedVector<Value, 3> inputs, Attributes attributes = {},
                      std::vector<Type> result = {}, std::uint32_t location = 0);
  /// Appends a node whose types are known to be right (a rewrite of a checked graph).
  Value AddUnchecked(Node node);
  std::uint32_t AddLocation(NodeLocation location);
  /// The dimension for a symbol of this name, made if need be.
  std::int64_t SymbolDim(std::string_view symbol_name, std::int64_t bound = -1);
  bool has_symbols() const { return !symbols.empty(); }
  /// "f32[n,128]", with this graph's symbol names.
  std::string ToString(const Type& type) const;
};

/// For each node, how many operand slots and graph outputs use any of its results.
std::vector<std::uint32_t> count_uses(const Graph& graph);

}  // namespace leat::ir
